use aops_api::code::Empty;
use aops_api::finding::{
    DecidingSample, Evidence, Finding, FindingQueryRequest, FindingSaveRequest, FindingValue, JudgedWindow,
};
use aops_api::host::HostRegisterAnswer;
use aops_api::read::Integer;
use aops_api::result::{ResultCountRequest, ResultGetRequest};
use aops_api::rule::{EffectiveRulesRequest, RuleAddRequest, RuleDeleteRequest, RuleGetRequest};
use aops_api::schedule::CursorMoveRequest;
use aops_api::{Code, EvaluationKey, HostId, Labels, Shard, TimeRange};

use crate::center::{Center, NOW_MS, config, eventually, refused};
use crate::tables::{changed_rule, registration, rule};

pub(crate) async fn register(center: &Center) -> HostId {
    let mut request = registration("agent", "admin");
    // Nobody listens there: scrapes of it fail.
    request.metrics_address = "127.0.0.1:1".to_owned();
    let HostRegisterAnswer { host_id } = center.service.register_host(&request).await.expect("registered");
    host_id
}

pub(crate) fn window(
    key: &str,
    host_id: &HostId,
    start_ms: i64,
    end_ms: i64,
    abnormal: &[(i64, i64)],
) -> JudgedWindow {
    let finding = |(start_ms, end_ms): &(i64, i64)| Finding {
        labels: Labels::new(),
        value: FindingValue::Abnormal,
        range: TimeRange::new(*start_ms, *end_ms),
        evidence: Evidence::of(DecidingSample {
            time_ms: *start_ms,
            margin: Some(1.0),
            values: Vec::new(),
        }),
        reason: String::new(),
    };
    JudgedWindow {
        key: EvaluationKey::from(key),
        host_id: host_id.clone(),
        window: TimeRange::new(start_ms, end_ms),
        as_of_ms: NOW_MS,
        covered: true,
        judged: vec![Labels::new()],
        findings: abnormal.iter().map(finding).collect(),
    }
}

pub(crate) async fn save(center: &Center, window: JudgedWindow) {
    let request = FindingSaveRequest {
        windows: vec![window],
    };
    center.service.save_findings(&request).await.expect("saved");
}

#[tokio::test]
async fn from_a_rule_to_its_results() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let admin = center.admin().await;
    let host_id = register(&center).await;
    let rules = vec![
        rule("load", "k1"),
        changed_rule("other", "k2", serde_json::json!({"description": "text"})),
    ];
    let added = admin.add_rules(&RuleAddRequest { rules }).await.expect("added");
    assert_eq!(added.succeed_list, ["load", "other"]);
    assert_eq!(admin.count_rules(&Empty {}).await.expect("counted").rule_count, 2);
    let effective = EffectiveRulesRequest {
        shard: Shard::of(&host_id),
    };
    let effective = center.service.effective_rules(&effective).await.expect("read");
    assert_eq!(effective.rules.len(), 2);
    assert_eq!(effective.rules[0].hosts, std::slice::from_ref(&host_id));

    save(
        &center,
        window("k1", &host_id, 0, 20_000, &[(1_500, 3_200), (8_000, 9_000)]),
    )
    .await;
    save(&center, window("k2", &host_id, 0, 20_000, &[(4_000, 20_000)])).await;
    let known = FindingQueryRequest {
        host_id: host_id.clone(),
        keys: vec![EvaluationKey::from("k1")],
        range: TimeRange::new(0, 9_000),
    };
    let known = center.service.query_findings(&known).await.expect("read");
    assert_eq!(known.keys[0].findings.len(), 2);
    assert_eq!(known.keys[0].coverage[0].range, TimeRange::new(0, 9_000));

    let all = ResultGetRequest::default();
    let ask = async || admin.results(&all).await.expect("read");
    let results = eventually(ask, |results| results.total_count == 3).await;
    let row = &results.check_result[0];
    assert_eq!((row.check_item.as_str(), row.start, row.end), ("load", 1, 4));
    assert_eq!(
        (row.condition.as_str(), row.value),
        ("$0 > 1", FindingValue::Abnormal)
    );
    assert_eq!(row.result_id, known.keys[0].findings[0].result_id);
    assert_eq!(results.total_page, 1);

    let of_time = |start, end| ResultGetRequest {
        time_range: vec![Integer(start), Integer(end)],
        ..ResultGetRequest::default()
    };
    assert_eq!(admin.results(&of_time(3, 4)).await.expect("read").total_count, 2);
    assert_eq!(
        admin.results(&of_time(30, 40)).await.expect("read").total_count,
        0
    );
    let counts = admin
        .count_results(&ResultCountRequest::default())
        .await
        .expect("counted");
    assert_eq!((counts.total_count, counts.results[0].count), (1, 3));

    // What is taken back goes, what goes on grows.
    save(&center, window("k1", &host_id, 0, 30_000, &[(8_000, 9_000)])).await;
    save(
        &center,
        window("k2", &host_id, 20_000, 30_000, &[(20_000, 25_000)]),
    )
    .await;
    let is_right = |results: &aops_api::result::ResultGetAnswer| {
        let ends: Vec<i64> = results.check_result.iter().map(|row| row.end).collect();
        ends == [25, 9]
    };
    eventually(ask, is_right).await;

    let delete = RuleDeleteRequest {
        check_items: vec!["other".to_owned()],
    };
    admin.delete_rules(&delete).await.expect("deleted");
    assert_eq!(ask().await.total_count, 1);
    let listed = admin.rules(&RuleGetRequest::default()).await.expect("listed");
    assert_eq!(
        (listed.total_count, listed.check_items[0].check_item.as_str()),
        (1, "load")
    );
    center.stop().await;
}

#[tokio::test]
async fn wrong_requests_name_the_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let admin = center.admin().await;
    let host_id = HostId::from("h");
    let outside = FindingSaveRequest {
        windows: vec![window("k", &host_id, 0, 10, &[(5, 11)])],
    };
    let results = |change: &dyn Fn(&mut ResultGetRequest)| {
        let mut request = ResultGetRequest::default();
        change(&mut request);
        request
    };
    let one_time = results(&|request| request.time_range = vec![Integer(1)]);
    let odd_value = results(&|request| request.value = Some("Normal".to_owned()));
    let odd_page = results(&|request| request.page = Some(Integer(1)));
    let twice = RuleAddRequest {
        rules: vec![rule("a", "k"), rule("a", "k")],
    };
    let beyond: EffectiveRulesRequest = serde_json::from_str(r#"{"shard":64}"#).expect("readable");
    for (refusal, field) in [
        (
            refused(center.service.save_findings(&outside).await),
            "windows[0].findings[0].range",
        ),
        (refused(admin.results(&one_time).await), "time_range"),
        (refused(admin.results(&odd_value).await), "value"),
        (refused(admin.results(&odd_page).await), "per_page"),
        (refused(admin.add_rules(&twice).await), "rules[1].item.check_item"),
        (refused(center.service.effective_rules(&beyond).await), "shard"),
    ] {
        assert_eq!(refusal.0, Code::ParamError, "{refusal:?}");
        assert!(refusal.1.starts_with(field), "{refusal:?}");
    }
    assert_eq!(admin.count_rules(&Empty {}).await.expect("counted").rule_count, 0);
    center.stop().await;
}

#[tokio::test]
async fn cursors_and_machines_are_for_the_scheduler() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let host_id = register(&center).await;
    let machines = center.service.machines(&Empty {}).await.expect("listed").machines;
    assert_eq!(
        (&machines[0].host_id, machines[0].shard),
        (&host_id, Shard::of(&host_id))
    );
    let request = CursorMoveRequest {
        shard: Shard::of(&host_id),
        expected_ms: None,
        position_ms: NOW_MS,
    };
    assert!(center.service.move_cursor(&request).await.expect("tried").moved);
    assert!(!center.service.move_cursor(&request).await.expect("tried").moved);
    let cursors = center.service.cursors(&Empty {}).await.expect("listed");
    assert_eq!(cursors.cursors[0].position_ms, NOW_MS);
    assert_eq!(cursors.rules_revision, 1);
    center.stop().await;
}
