//! What only the embedded bus promises: it survives `kill -9`, and its file is bounded.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aops_bus::{Bus, BusError, EmbeddedOptions};
use serde_json::{Value, json};

const TOPIC: &str = "WORK";
const GROUP: &str = "workers";
/// Tells the child process of [`a_killed_process_loses_nothing`] where to work.
const CHILD_FILE: &str = "AOPS_BUS_TEST_FILE";

/// Opens a bus whose clock starts at `start_ms`.
async fn open(path: &Path, start_ms: i64) -> Bus {
    let start = Instant::now();
    let now_ms = move || start_ms + start.elapsed().as_millis() as i64;
    Bus::open_embedded(path, EmbeddedOptions::new(now_ms))
        .await
        .expect("opened")
}

/// Not a test of its own: the process that the next test kills. Publishes and acknowledges without end, and prints what
/// is done, when it is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_is_killed() {
    let Ok(path) = std::env::var(CHILD_FILE) else {
        return;
    };
    let bus = open(Path::new(&path), 0).await;
    let consumer = bus.subscribe(TOPIC, GROUP).await.expect("subscribed");
    let held = bus.subscribe(TOPIC, "idle").await.expect("subscribed");
    let publisher = bus.clone();
    tokio::spawn(async move {
        for number in 0.. {
            let id = format!("m{number}");
            publisher
                .publish(TOPIC, &format!("k{}", number % 7), &id, json!(number))
                .await
                .expect("published");
            println!("\npublished {id}");
        }
    });
    let _never_settled = held.next().await.expect("delivered");
    for number in 0.. {
        let delivery = consumer.next().await.expect("delivered");
        let id = delivery.id.clone();
        if number % 3 == 0 {
            delivery
                .retry_later(Duration::from_millis(1))
                .await
                .expect("put back");
            continue;
        }
        println!("\nacknowledging {id}");
        delivery.acknowledge().await.expect("acknowledged");
        println!("\nacknowledged {id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bus.db");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "embedded::child_that_is_killed", "--nocapture"])
        .env(CHILD_FILE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let (mut published, mut acknowledging, mut acknowledged) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("a line");
        let Some((what, id)) = line.split_once(' ') else {
            continue;
        };
        let set = match what {
            "published" => &mut published,
            "acknowledging" => &mut acknowledging,
            "acknowledged" => &mut acknowledged,
            _ => continue,
        };
        set.insert(id.to_owned());
        if published.len() >= 60 && acknowledged.len() >= 20 {
            break;
        }
    }
    let refusal = Bus::open_embedded(&path, EmbeddedOptions::new(|| 1_000))
        .await
        .expect_err("in use");
    assert!(matches!(refusal, BusError::InUse { .. }), "{refusal}");
    child.kill().expect("killed");
    child.wait().expect("gone");
    assert!(
        published.len() >= 60 && acknowledged.len() >= 20,
        "the child ended by itself"
    );

    // Later than any retry that the child may have asked for.
    let bus = open(&path, 1_000_000_000).await;
    let of_idle = drain(&bus, "idle").await;
    assert!(
        published.is_subset(&of_idle),
        "lost: {:?}",
        published.difference(&of_idle)
    );
    let of_group = drain(&bus, GROUP).await;
    let must_be_there: BTreeSet<_> = published.difference(&acknowledging).cloned().collect();
    assert!(
        must_be_there.is_subset(&of_group),
        "lost: {:?}",
        must_be_there.difference(&of_group)
    );
    assert!(of_group.is_disjoint(&acknowledged), "acknowledged and back");
}

/// Everything that the group still has.
async fn drain(bus: &Bus, group: &str) -> BTreeSet<String> {
    let consumer = bus.subscribe(TOPIC, group).await.expect("subscribed");
    let mut ids = BTreeSet::new();
    while bus.lag(TOPIC, group).await.expect("counted") > 0 {
        let delivery = consumer.next().await.expect("delivered");
        ids.insert(delivery.id.clone());
        delivery.acknowledge().await.expect("acknowledged");
    }
    ids
}

#[tokio::test]
async fn a_full_bus_refuses_and_goes_on_when_consumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = EmbeddedOptions::new(|| 1_000);
    options.maximum_bytes = 256 * 1_024;
    let bus = Bus::open_embedded(&folder.path().join("bus.db"), options)
        .await
        .expect("opened");
    let consumer = bus.subscribe(TOPIC, GROUP).await.expect("subscribed");
    let mut accepted = 0;
    let refusal = loop {
        match bus
            .publish(
                TOPIC,
                "a",
                &format!("m{accepted}"),
                Value::from("x".repeat(8_000)),
            )
            .await
        {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1_000, "never full");
    };
    assert!(matches!(refusal, BusError::Full), "{refusal}");
    for _ in 0..accepted {
        consumer
            .next()
            .await
            .expect("delivered")
            .acknowledge()
            .await
            .expect("acknowledged");
    }
    bus.publish(TOPIC, "a", "again", Value::from("x".repeat(8_000)))
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn the_newest_dead_letters_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = EmbeddedOptions::new(|| 1_000);
    options.dead_letters_kept = 3;
    let bus = Bus::open_embedded(&folder.path().join("bus.db"), options)
        .await
        .expect("opened");
    let consumer = bus.subscribe(TOPIC, GROUP).await.expect("subscribed");
    for number in 0..5 {
        bus.publish(TOPIC, "a", &format!("m{number}"), Value::Null)
            .await
            .expect("published");
        consumer
            .next()
            .await
            .expect("delivered")
            .dead_letter("poison")
            .await
            .expect("moved");
    }
    let dead = bus.subscribe("WORK.DEAD", GROUP).await.expect("subscribed");
    for number in 2..5 {
        let letter = dead.next().await.expect("delivered");
        assert_eq!(letter.payload["id"], format!("m{number}"));
        letter.acknowledge().await.expect("acknowledged");
    }
    assert_eq!(bus.lag("WORK.DEAD", GROUP).await.expect("counted"), 0);
}
