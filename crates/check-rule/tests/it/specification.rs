//! The cases of the specification's H.3, with intervals instead of points, and what the contracts add.

mod aggregates;
mod expressions;
mod language;
mod logs;

use aops_api::finding::{DecidingSample, Finding, JudgedWindow};
use aops_api::rule::DataKind;
use aops_api::{HostId, TimeRange};
use aops_check_rule::{FetchPlan, SeriesSet};

use crate::world::{Sample, World, WorldSeries, compile, host, labels};

pub(crate) const INTERVAL_MS: i64 = 15_000;

pub(crate) fn series(name: &str, pairs: &[(&str, &str)], samples: &[(i64, f64)]) -> WorldSeries {
    WorldSeries {
        name: name.to_owned(),
        kind: DataKind::Kpi,
        labels: labels(pairs),
        interval_ms: INTERVAL_MS,
        samples: samples
            .iter()
            .map(|(time_s, value)| (time_s * 1_000, Sample::Number(*value)))
            .collect(),
    }
}

pub(crate) fn text_series(name: &str, samples: &[(i64, &str)]) -> WorldSeries {
    WorldSeries {
        samples: samples
            .iter()
            .map(|(time_s, text)| (time_s * 1_000, Sample::from(*text)))
            .collect(),
        ..series(name, &[], &[])
    }
}

pub(crate) fn world(series: Vec<WorldSeries>) -> World {
    World {
        series,
        ..World::default()
    }
}

/// `m{cpu=1,mode=irq}` with 1 to 8 from 1000 on, every 15 s.
fn eight() -> World {
    let samples: Vec<(i64, f64)> = (0..8)
        .map(|step| (1_000 + 15 * step, step as f64 + 1.0))
        .collect();
    world(vec![series("m", &[("cpu", "1"), ("mode", "irq")], &samples)])
}

fn irq(condition: &str, more: &str) -> String {
    format!(
        r#"{{"check_item":"it","data_list":[{{"name":"m","label":{{"cpu":"1","mode":"irq"}}{more}}}],"condition":"{condition}"}}"#
    )
}

pub(crate) fn judged(world: &World, rule: &str, window_s: (i64, i64)) -> JudgedWindow {
    let window = TimeRange::new(window_s.0 * 1_000, window_s.1 * 1_000);
    let judged = world.judge(&compile(rule), window, INTERVAL_MS);
    assert_eq!(
        (judged.as_of_ms, judged.window, &judged.host_id),
        (42, window, &host())
    );
    judged
}

/// `Abnormal 1090..1120`, with the labels in front when there are some; times in seconds.
pub(crate) fn written(finding: &Finding) -> String {
    let pairs: Vec<String> = finding
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value} "))
        .collect();
    format!(
        "{}{} {}..{}",
        pairs.concat(),
        finding.value.text(),
        finding.range.start_ms as f64 / 1_000.0,
        finding.range.end_ms as f64 / 1_000.0
    )
}

pub(crate) fn findings(world: &World, rule: &str, window_s: (i64, i64)) -> Vec<String> {
    judged(world, rule, window_s)
        .findings
        .iter()
        .map(written)
        .collect()
}

#[test]
fn row_26_each_host_gets_its_own_verdict() {
    let rule = irq("$0>6", "");
    assert_eq!(findings(&eight(), &rule, (1_060, 1_120)), ["Abnormal 1090..1120"]);

    let without_series = world(Vec::new());
    let no_data = judged(&without_series, &rule, (1_060, 1_120));
    assert_eq!(written(&no_data.findings[0]), "No data 1060..1120");
    assert_eq!(no_data.findings[0].reason, "no sample of m ($0) within max_gap");
    assert!(no_data.covered);
    assert_eq!(no_data.judged, [labels(&[])]);

    let mut broken = eight();
    broken.broken.push("m".to_owned());
    let error = judged(&broken, &rule, (1_060, 1_120));
    assert_eq!(error.findings.len(), 1);
    assert_eq!(written(&error.findings[0]), "Internal error 1060..1120");
    assert_eq!(error.findings[0].reason, "the store is away");
    assert!(!error.covered);
    assert!(error.judged.is_empty());
}

#[test]
fn rows_28_and_29_the_first_sample_has_no_difference() {
    let rule = irq("diff(#1)", "");
    assert_eq!(findings(&eight(), &rule, (1_060, 1_120)), ["Abnormal 1060..1120"]);
    assert_eq!(
        findings(&eight(), &rule, (1_000, 1_060)),
        ["Internal error 1000..1015", "Abnormal 1015..1060"]
    );
    // A transform has no sample there, and no error.
    let rule = irq("$0 != 0", r#","transform":"delta""#);
    assert_eq!(findings(&eight(), &rule, (1_060, 1_120)), ["Abnormal 1060..1120"]);
    assert_eq!(
        findings(&eight(), &rule, (1_000, 1_060)),
        ["No data 1000..1015", "Abnormal 1015..1060"]
    );
}

#[test]
fn row_30_the_end_is_outside() {
    let last_ms = |end_s: i64| {
        let judged = judged(&eight(), &irq("$0>6", ""), (1_060, end_s));
        assert_eq!(written(&judged.findings[0]), format!("Abnormal 1090..{end_s}"));
        judged.findings[0]
            .evidence
            .last
            .as_ref()
            .map(|sample| sample.time_ms)
    };
    assert_eq!(last_ms(1_105), Some(1_090_000));
    assert_eq!(last_ms(1_106), Some(1_105_000));
}

#[test]
fn row_31_zero_is_normal() {
    assert_eq!(
        findings(&eight(), &irq("$0-7", ""), (1_075, 1_120)),
        ["Abnormal 1075..1090", "Abnormal 1105..1120"]
    );
}

#[test]
fn row_32_a_text_is_abnormal_and_null_is_not() {
    assert_eq!(
        findings(&eight(), &irq("'x'", ""), (1_060, 1_120)),
        ["Abnormal 1060..1120"]
    );
    assert_eq!(findings(&eight(), &irq("null", ""), (1_060, 1_120)), [""; 0]);
}

#[test]
fn row_37_a_sample_speaks_no_longer_than_max_gap() {
    let gap = world(vec![series("m", &[], &[(1_000, 1.0), (1_090, 9.0)])]);
    let rule = r#"{"check_item":"it","data_list":[{"name":"m"}],"condition":"$0>0"}"#;
    assert_eq!(
        findings(&gap, rule, (1_000, 1_100)),
        ["Abnormal 1000..1045", "No data 1045..1090", "Abnormal 1090..1100"]
    );
    let rule = r#"{"check_item":"it","data_list":[{"name":"m"}],"condition":"$0>0","max_gap":"2m"}"#;
    assert_eq!(findings(&gap, rule, (1_000, 1_100)), ["Abnormal 1000..1100"]);
}

#[test]
fn evidence_shows_the_first_the_worst_and_the_last_sample() {
    let samples = [
        (1_000, 2.0),
        (1_015, 7.0),
        (1_030, 9.5),
        (1_045, 8.0),
        (1_060, 9.5),
        (1_075, 8.0),
    ];
    let world = world(vec![series("m", &[], &samples)]);
    let rule =
        r#"{"check_item":"it","data_list":[{"name":"m"}],"condition":"$0 > 6 && max(30s) - 1 < 10.0"}"#;
    let judged = judged(&world, rule, (1_000, 1_080));
    let evidence = &judged.findings[0].evidence;
    let shown = |sample: &Option<DecidingSample>| {
        let sample = sample.as_ref().expect("a sample");
        let values: Vec<String> = sample
            .values
            .iter()
            .map(|value| format!("{} = {}", value.expression, value.value))
            .collect();
        (sample.time_ms, sample.margin, values.join("; "))
    };
    let (time_ms, margin, values) = shown(&evidence.first);
    assert_eq!((time_ms, margin), (1_015_000, Some(1.0)));
    assert_eq!(
        values,
        "$0 = 7; $0 > 6 = true; max(30s) = 7; max(30s) - 1 = 6; max(30s) - 1 < 10.0 = true; \
         $0 > 6 && max(30s) - 1 < 10.0 = true"
    );
    // The margin is the smaller one: at 1030 it is 10 − 8.5. So it is at 1045; the earlier one stays.
    let (time_ms, margin, _) = shown(&evidence.worst);
    assert_eq!((time_ms, margin), (1_030_000, Some(1.5)));
    let (time_ms, margin, _) = shown(&evidence.last);
    assert_eq!((time_ms, margin), (1_075_000, Some(1.5)));
}

#[test]
fn an_error_has_its_reason_and_its_sample() {
    let world = world(vec![series(
        "m",
        &[],
        &[(1_000, 1.0), (1_015, 0.0), (1_030, 2.0)],
    )]);
    let rule = r#"{"check_item":"it","data_list":[{"name":"m"}],"condition":"1/$0>1"}"#;
    let judged = judged(&world, rule, (1_000, 1_040));
    assert_eq!(written(&judged.findings[0]), "Internal error 1015..1030");
    assert_eq!(judged.findings[0].reason, "division by zero in 1 / $0");
    let sample = judged.findings[0].evidence.last.as_ref().expect("a sample");
    assert_eq!(sample.time_ms, 1_015_000);
    assert_eq!(sample.values[1].value, "error: division by zero in 1 / $0");
}

#[test]
fn a_star_judges_each_value_and_joins_equal_ones() {
    let at = |values: [f64; 2]| [(1_000, values[0]), (1_015, values[1])];
    let world = world(vec![
        series("used", &[("device", "sda"), ("instance", "h:1")], &at([8.0, 9.0])),
        series("used", &[("device", "sdb"), ("instance", "h:1")], &at([1.0, 9.0])),
        series("used", &[("device", "sdc"), ("instance", "h:1")], &at([1.0, 1.0])),
        series(
            "size",
            &[("device", "sda"), ("instance", "h:1")],
            &at([10.0, 10.0]),
        ),
        series(
            "size",
            &[("device", "sdc"), ("instance", "h:1")],
            &at([10.0, 10.0]),
        ),
        series("limit", &[], &at([0.8, 0.95])),
    ]);
    let rule = r#"{"check_item":"it","data_list":[{"name":"used","label":{"device":"*"}},
        {"name":"size","label":{"device":"*"}},{"name":"limit"}],"condition":"$0/$1>=$2"}"#;
    let outcome = judged(&world, rule, (1_000, 1_030));
    let texts: Vec<String> = outcome.findings.iter().map(written).collect();
    assert_eq!(
        texts,
        ["device=sda Abnormal 1000..1015", "device=sdb No data 1000..1030"]
    );
    assert_eq!(
        outcome.findings[1].reason,
        "no sample of size ($1) within max_gap"
    );
    let devices: Vec<&String> = outcome.judged.iter().flat_map(|labels| labels.values()).collect();
    assert_eq!(devices, ["sda", "sdb", "sdc"]);
    // A combination without a sample is forgotten; when none is left there is no data.
    let later = judged(&world, rule, (1_050, 1_070));
    let texts: Vec<String> = later.findings.iter().map(written).collect();
    assert_eq!(texts, ["No data 1060..1070", "device=sdb No data 1050..1060"]);
}

#[test]
fn several_matches_are_told_apart_or_an_error() {
    let samples = [(1_000, 1.0)];
    let rule = r#"{"check_item":"it","data_list":[{"name":"m","label":{"cpu":"1"}}],"condition":"$0"}"#;
    let error = |series: Vec<WorldSeries>| judged(&world(series), rule, (1_000, 1_010)).findings[0].clone();
    let irq = series("m", &[("cpu", "1"), ("mode", "irq")], &samples);
    let user = series("m", &[("cpu", "1"), ("mode", "user")], &samples);
    let exact = series("m", &[("cpu", "1"), ("job", "a")], &[(1_000, 0.0)]);
    let same_of_another_job = series("m", &[("cpu", "1"), ("job", "b")], &samples);

    let several = error(vec![irq.clone(), user.clone()]);
    assert_eq!(written(&several), "Internal error 1000..1010");
    assert_eq!(
        several.reason,
        r#"2 series match: {cpu="1",mode="irq"}, {cpu="1",mode="user"}"#
    );
    let all = world(vec![irq, user, same_of_another_job, exact]);
    assert_eq!(findings(&all, rule, (1_000, 1_010)), [""; 0]);
}

#[test]
fn a_sample_as_old_as_max_gap_speaks_no_more() {
    let main: Vec<(i64, f64)> = (0..5).map(|step| (1_000 + 15 * step, 1.0)).collect();
    let world = world(vec![series("m", &[], &main), series("n", &[], &[(1_000, 1.0)])]);
    let rule = r#"{"check_item":"it","data_list":[{"name":"m"},{"name":"n"}],"condition":"1"}"#;
    assert_eq!(
        findings(&world, rule, (1_000, 1_060)),
        ["Abnormal 1000..1045", "No data 1045..1060"]
    );
}

#[test]
fn for_wants_an_unbroken_run() {
    let samples: Vec<(i64, f64)> = (0..12).map(|step| (1_000 + 15 * step, 1.0)).collect();
    let mut broken = samples.clone();
    broken[4].1 = 0.0;
    let mut with_gap = samples.clone();
    with_gap.drain(4..8);
    let rule = r#"{"check_item":"it","data_list":[{"name":"m"}],"condition":"$0>0","for":"1m"}"#;
    let of = |samples: &[(i64, f64)]| findings(&world(vec![series("m", &[], samples)]), rule, (1_000, 1_170));
    assert_eq!(of(&samples), ["Abnormal 1060..1170"]);
    assert_eq!(of(&broken), ["Abnormal 1135..1170"]);
    // The sample at 1045 speaks until 1090; the next is at 1120.
    assert_eq!(of(&with_gap), ["No data 1090..1120"]);
}

#[test]
fn a_series_that_the_host_never_had_may_be_ignored() {
    let rule = |absent: &str| {
        format!(
            r#"{{"check_item":"it","data_list":[{{"name":"gpu"}}],"condition":"$0>0","absent":"{absent}"}}"#
        )
    };
    let never = world(Vec::new());
    let silent = judged(&never, &rule("ignore"), (1_000, 1_060));
    assert!(silent.covered && silent.findings.is_empty() && silent.judged.is_empty());
    assert_eq!(
        findings(&never, &rule("no_data"), (1_000, 1_060)),
        ["No data 1000..1060"]
    );
    let once = world(vec![series("gpu", &[], &[(10, 1.0)])]);
    assert_eq!(
        findings(&once, &rule("ignore"), (1_000, 1_060)),
        ["No data 1000..1060"]
    );
}

#[test]
fn rules_of_one_plan_are_judged_over_one_answer() {
    let world = eight();
    let window = TimeRange::new(1_060_000, 1_120_000);
    let rules = vec![
        compile(&irq("$0>6", "")),
        compile(&irq("avg(60s)>5", "")),
        compile(&irq("$0>2", r#","transform":"increase""#)),
    ];
    let plan = FetchPlan::new(rules.clone(), window, INTERVAL_MS);
    assert_eq!(plan.selectors().len(), 1);
    let answer = world.fetch(plan.selectors());
    let set = SeriesSet::new(&answer);
    for (index, rule) in rules.iter().enumerate() {
        let together = plan.judge(index, &host(), &set, window);
        assert_eq!(together, world.judge(rule, window, INTERVAL_MS));
        assert_eq!(&together.key, rule.key());
    }
    // Only what was planned is judged, and a host that nothing was fetched for has no data.
    let wider = plan.judge(0, &HostId::from("other"), &set, TimeRange::new(0, 1_100_000));
    assert_eq!(wider.window, TimeRange::new(1_060_000, 1_100_000));
    assert_eq!(written(&wider.findings[0]), "No data 1060..1100");
}
