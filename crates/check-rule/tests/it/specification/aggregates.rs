//! One series of all that match, and what stands in between: the contracts' §3.

use crate::specification::{findings, judged, series, text_series, world, written};
use crate::world::{World, WorldSeries};

fn aggregated(aggregate: &str, label: &str, condition: &str) -> String {
    format!(
        r#"{{"check_item":"it","data_list":[{{"name":"m","label":{label},"aggregate":"{aggregate}"}}],"condition":"{condition}"}}"#
    )
}

/// Two disks with two modes each; sampled together.
fn disks() -> World {
    let of = |device: &str, mode: &str, values: [f64; 3]| -> WorldSeries {
        let samples: Vec<(i64, f64)> = [1_000, 1_015, 1_030].into_iter().zip(values).collect();
        series("m", &[("device", device), ("mode", mode)], &samples)
    };
    world(vec![
        of("sda", "r", [1.0, 2.0, 3.0]),
        of("sda", "w", [10.0, 20.0, 30.0]),
        of("sdb", "r", [0.5, 0.5, 0.5]),
        of("sdb", "w", [0.0, 0.25, -0.5]),
    ])
}

#[test]
fn all_series_become_one() {
    for (aggregate, values) in [
        ("sum", ["11.5", "22.75", "33"]),
        ("avg", ["2.875", "5.6875", "8.25"]),
        ("min", ["0", "0.25", "-0.5"]),
        ("max", ["10", "20", "30"]),
        ("count", ["4", "4", "4"]),
    ] {
        for (index, value) in values.into_iter().enumerate() {
            let from_s = 1_000 + 15 * index as i64;
            let rule = aggregated(aggregate, "{}", &format!("$0 == {value}"));
            let found = findings(&disks(), &rule, (from_s, from_s + 15));
            assert_eq!(
                found,
                [format!("Abnormal {from_s}..{}", from_s + 15)],
                "{aggregate} {value}"
            );
        }
    }
}

#[test]
fn a_star_makes_one_for_each_value() {
    let rule = aggregated("sum", r#"{"device":"*"}"#, "$0 > 20");
    let outcome = judged(&disks(), &rule, (1_000, 1_045));
    let texts: Vec<String> = outcome.findings.iter().map(written).collect();
    assert_eq!(texts, ["device=sda Abnormal 1015..1045"]);
    let devices: Vec<&String> = outcome.judged.iter().flat_map(|labels| labels.values()).collect();
    assert_eq!(devices, ["sda", "sdb"]);
    let rule = aggregated("sum", r#"{"device":"*","mode":"w"}"#, "$0 == 20 || $0 == 0.25");
    assert_eq!(
        findings(&disks(), &rule, (1_000, 1_045)),
        ["device=sda Abnormal 1015..1030", "device=sdb Abnormal 1015..1030"]
    );
}

#[test]
fn other_hosts_addresses_count_too() {
    let of = |instance: &str, value: f64| series("m", &[("instance", instance)], &[(1_000, value)]);
    let world = world(vec![of("h:1", 1.0), of("h:2", 2.0)]);
    let rule = aggregated("sum", "{}", "$0 == 3");
    assert_eq!(findings(&world, &rule, (1_000, 1_010)), ["Abnormal 1000..1010"]);
}

#[test]
fn a_member_counts_for_as_long_as_it_speaks() {
    let world = world(vec![
        series("m", &[("device", "a")], &[(1_000, 1.0), (1_015, 2.0)]),
        series(
            "m",
            &[("device", "b")],
            &[(1_010, 10.0), (1_055, 20.0), (1_061, 30.0)],
        ),
    ]);
    let at =
        |condition: &str, window: (i64, i64)| findings(&world, &aggregated("sum", "{}", condition), window);
    assert_eq!(at("$0 == 1", (1_000, 1_100)), ["Abnormal 1000..1010"]);
    assert_eq!(at("$0 == 11", (1_000, 1_100)), ["Abnormal 1010..1015"]);
    assert_eq!(at("$0 == 12", (1_000, 1_100)), ["Abnormal 1015..1055"]);
    // At 1055 the sample of 1015 is 40 s old, at 1061 it is 46.
    assert_eq!(at("$0 == 22", (1_000, 1_100)), ["Abnormal 1055..1061"]);
    assert_eq!(
        at("$0 == 30", (1_000, 1_110)),
        ["Abnormal 1061..1106", "No data 1106..1110"]
    );
}

#[test]
fn a_member_that_is_no_number_is_an_error() {
    let world = world(vec![
        series(
            "m",
            &[("device", "a")],
            &[(1_000, f64::NAN), (1_015, 2.0), (1_030, 1.0)],
        ),
        series(
            "m",
            &[("device", "b")],
            &[(1_000, 10.0), (1_015, 1.0), (1_030, f64::INFINITY)],
        ),
    ]);
    for aggregate in ["sum", "avg", "min", "max"] {
        let rule = aggregated(aggregate, "{}", "$0 > 100");
        let expected = ["Internal error 1000..1015", "Internal error 1030..1045"];
        assert_eq!(findings(&world, &rule, (1_000, 1_045)), expected, "{aggregate}");
    }
    let rule = aggregated("count", "{}", "$0 == 2");
    assert_eq!(findings(&world, &rule, (1_000, 1_045)), ["Abnormal 1000..1045"]);
}

#[test]
fn texts_are_counted_and_not_added() {
    let world = world(vec![
        text_series("m", &[(1_000, "5"), (1_015, "x")]),
        series("m", &[("device", "b")], &[(1_000, 1.0), (1_015, 1.0)]),
    ]);
    let rule = aggregated("sum", "{}", "$0 == 6");
    assert_eq!(
        findings(&world, &rule, (1_000, 1_030)),
        ["Abnormal 1000..1015", "Internal error 1015..1030"]
    );
    let rule = aggregated("count", "{}", "$0 == 2");
    assert_eq!(findings(&world, &rule, (1_000, 1_030)), ["Abnormal 1000..1030"]);
}

#[test]
fn functions_and_transforms_go_with_it() {
    let of = |device: &str, values: [f64; 4]| -> WorldSeries {
        let samples: Vec<(i64, f64)> = [1_000, 1_015, 1_030, 1_045].into_iter().zip(values).collect();
        series("m", &[("device", device)], &samples)
    };
    // b restarts at 1030.
    let world = world(vec![
        of("a", [0.0, 15.0, 30.0, 45.0]),
        of("b", [100.0, 115.0, 15.0, 30.0]),
    ]);
    let rule = |condition: &str| {
        format!(
            r#"{{"check_item":"it","data_list":[{{"name":"m","transform":"rate","aggregate":"sum"}},
                {{"name":"m","aggregate":"sum"}}],"condition":"{condition}"}}"#
        )
    };
    let all = ["No data 1000..1015", "Abnormal 1015..1060"];
    assert_eq!(findings(&world, &rule("$0 == 2"), (1_000, 1_060)), all);
    assert_eq!(
        findings(&world, &rule("max(1m) == 2 && diff(#1) + 1"), (1_030, 1_060)),
        ["Abnormal 1030..1060"]
    );
    assert_eq!(
        findings(&world, &rule("$1.change(#1) == -85"), (1_015, 1_045)),
        ["Abnormal 1030..1045"]
    );
    assert_eq!(
        findings(&world, &rule("$1.max(#3) == 130"), (1_015, 1_060)),
        ["Abnormal 1015..1060"]
    );
}
