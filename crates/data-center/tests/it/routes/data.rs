use actix_web::{App, HttpServer, web};
use aops_api::code::Empty;
use aops_api::host::HostGetRequest;
use aops_service::Clock;
use serde_json::{Value, json};

use crate::center::{Center, config, eventually};
use crate::tables::registration;

/// A node that serves the same metrics for ever; gives its address.
fn start_node() -> String {
    let text = "load 1.5\ncpu_seconds{cpu=\"0\",mode=\"idle\"} 7\ncpu_seconds{cpu=\"1\",mode=\"idle\"} NaN\n";
    let metrics = move || async move { text };
    let server = HttpServer::new(move || App::new().route("/metrics", web::get().to(metrics)))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("a port");
    let address = server.addrs()[0].to_string();
    tokio::spawn(server.run());
    address
}

#[tokio::test]
async fn a_registered_machine_is_scraped_and_its_data_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start_at(config(folder.path()), Clock::system()).await;
    let admin = center.admin().await;
    let mut request = registration("agent", "admin");
    request.metrics_address = start_node();
    let host_id = center
        .service
        .register_host(&request)
        .await
        .expect("registered")
        .host_id;

    let ask = async || {
        admin
            .hosts(&HostGetRequest::default())
            .await
            .expect("listed")
            .host_infos
    };
    let hosts = eventually(ask, |hosts| hosts[0].status == "online").await;
    assert_eq!((hosts[0].public_ip.as_str(), hosts[0].ssh_port), ("10.0.0.1", 22));
    let ask = async || center.service.machines(&Empty {}).await.expect("listed").machines;
    eventually(ask, |machines| machines[0].first_sample_ms.is_some()).await;

    let now = center.clock.now_ms() / 1_000;
    let body = json!({
        "time_range": [now - 60, now + 60],
        "data_infos": {
            "10.0.0.1": [
                {"name": "load", "type": "kpi"},
                {"name": "cpu_seconds", "label": {"mode": "idle", "cpu": "*"}},
                {"name": "history", "type": "log"},
            ],
            (host_id.as_str()): [{"name": "cpu_seconds", "label": {"cpu": "9"}}],
            "10.9.9.9": [{"name": "load"}],
        },
    });
    let answer = center.post("/data/data/get", &body.to_string()).await;
    assert_eq!(answer["code"], 206, "{answer}");
    let by_address = &answer["result"]["10.0.0.1"];
    let found: Vec<(&Value, &Value, &Value)> = by_address["succeed_list"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|found| (&found["name"], &found["label"], &found["values"][0][1]))
        .collect();
    let (load, cpu) = (json!("load"), json!("cpu_seconds"));
    let (first, second) = (
        json!({"cpu": "0", "mode": "idle"}),
        json!({"cpu": "1", "mode": "idle"}),
    );
    let texts = [json!("1.5"), json!("7"), json!("NaN")];
    let expected = [
        (&load, &Value::Null, &texts[0]),
        (&cpu, &first, &texts[1]),
        (&cpu, &second, &texts[2]),
    ];
    assert_eq!(found, expected);
    assert_eq!(by_address["fail_list"][0]["name"], "history");
    assert_eq!(
        answer["result"][host_id.as_str()]["fail_list"][0]["label"]["cpu"],
        "9"
    );
    assert_eq!(answer["result"]["10.9.9.9"]["fail_list"][0]["name"], "load");

    let nothing = json!({"time_range": [1, 2], "data_infos": {"10.0.0.1": [{"name": "load"}]}});
    assert_eq!(
        center.post("/data/data/get", &nothing.to_string()).await["code"],
        1104
    );
    let odd = center
        .post("/data/data/get", r#"{"time_range":[1],"data_infos":{}}"#)
        .await;
    assert_eq!(odd["code"], 1000, "{odd}");
    center.stop().await;
}
