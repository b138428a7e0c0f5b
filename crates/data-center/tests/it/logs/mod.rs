//! The contract of the log store, with documents as each shipper writes them, on a real server; its outages; and the way
//! of a line from a file through a real rsyslogd to a finding.

mod outages;
mod proxy;
mod rsyslog;
mod store;

use aops_api::series::{LabelMatcher, MatchOperator};
use aops_data_center::logs::{LogShape, Logs, LogsConfig};

use crate::center::NOW_MS;
use store::{LINE_SPEAKS_MS, Shipped, Store, found, line, machine, never_had, request, stream, unheard};

/// Runs each test with each shape of documents.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod as_rsyslog_writes {
            $(#[tokio::test]
            async fn $name() {
                super::run(super::LogShape::Rsyslog, super::$name).await;
            })*
        }
        mod as_fluentd_writes {
            $(#[tokio::test]
            async fn $name() {
                super::run(super::LogShape::Fluentd, super::$name).await;
            })*
        }
    };
}

contract!(
    a_store_without_an_index_has_nothing,
    lines_come_by_host_stream_and_time,
    lines_can_be_read_when_the_shipper_came_before_the_template,
    no_line_is_lost_between_pages,
    too_many_lines_are_an_error_and_not_a_part,
    heartbeats_tell_silence_from_a_silent_shipper,
    a_line_without_an_id_is_its_addresss,
    labels_choose_lines,
    a_clock_ahead_is_corrected,
    odd_and_long_texts_come_as_they_are,
    old_days_are_deleted_whole,
);

async fn run(shape: LogShape, test: impl AsyncFnOnce(&Store)) {
    if let Some(store) = Store::new(shape) {
        test(&store).await;
        store.clean_up().await;
    }
}

async fn a_store_without_an_index_has_nothing(store: &Store) {
    let logs = store.open();
    let asked = request(&["a", "b"], vec![stream("dmesg", 0, 60_000)]);
    let answer = logs.fetch(&asked, &[], NOW_MS).await;
    assert_eq!(answer.as_of_ms, NOW_MS);
    assert_eq!(answer.failed, []);
    assert_eq!(answer.series, []);
    assert_eq!(never_had(&answer), [(0, "a"), (0, "b")]);
    assert_eq!(unheard(&answer), []);
    assert!(
        logs.delete_before(NOW_MS)
            .await
            .expect("nothing to do")
            .is_empty()
    );
}

async fn lines_come_by_host_stream_and_time(store: &Store) {
    let logs = store.prepared().await;
    check_lines(store, &logs).await;
}

/// The fields have then the types that Elasticsearch guessed.
async fn lines_can_be_read_when_the_shipper_came_before_the_template(store: &Store) {
    let logs = store.open();
    check_lines(store, &logs).await;
}

async fn check_lines(store: &Store, logs: &Logs) {
    store
        .ship(&[
            line("a", "dmesg", 60_000, "after the end"),
            line("a", "dmesg", 59_999, "last"),
            line("a", "dmesg", 5_000, "two"),
            line("a", "dmesg", 5_000, "lines"),
            line("a", "dmesg", 0, "first"),
            line("a", "dmesg", -1, "before"),
            line("a", "messages", 7_000, "another stream"),
            line("b", "dmesg", 5_000, "another host"),
            line("c", "dmesg", 5_000, "not asked for"),
        ])
        .await;
    let selectors = vec![
        stream("dmesg", 0, 60_000),
        stream("messages", 0, 60_000),
        stream("kbox", 0, 60_000),
        stream("dmesg", -10, 0),
        stream("dmesg", 5, 5),
    ];
    let answer = logs.fetch(&request(&["a", "b"], selectors), &[], NOW_MS).await;
    assert_eq!(answer.failed, []);
    let of_a = found(&answer, 0, "a");
    let expected = [(0, "first"), (5_000, "two lines"), (59_999, "last")];
    assert_eq!(of_a, expected);
    assert_eq!(found(&answer, 0, "b"), [(5_000, "another host")]);
    assert_eq!(found(&answer, 1, "a"), [(7_000, "another stream")]);
    assert_eq!(found(&answer, 1, "b"), []);
    assert_eq!(found(&answer, 3, "a"), [(-1, "before")]);
    assert_eq!(found(&answer, 4, "a"), []);
    assert!(answer.series.iter().all(|series| series.host_id.as_str() != "c"));
    assert!(
        answer
            .series
            .iter()
            .all(|series| series.interval_ms == LINE_SPEAKS_MS)
    );
    // b has had dmesg, which was silent in the fourth range, and never messages.
    assert_eq!(never_had(&answer), [(1, "b"), (2, "a"), (2, "b")]);
}

async fn no_line_is_lost_between_pages(store: &Store) {
    let logs = store.prepared().await;
    let texts: Vec<String> = (0..4_700).map(|number| number.to_string()).collect();
    // Hundreds of lines of each time, so that times fall on the borders of pages.
    let lines: Vec<Shipped<'_>> = texts
        .iter()
        .zip(0_i64..)
        .map(|(text, number)| line("a", "messages", number % 11, text))
        .collect();
    store.ship(&lines).await;
    let answer = logs
        .fetch(&request(&["a"], vec![stream("messages", 0, 60_000)]), &[], NOW_MS)
        .await;
    assert_eq!(answer.failed, []);
    let samples = found(&answer, 0, "a");
    assert_eq!(samples.len(), 11);
    let mut numbers: Vec<usize> = samples
        .iter()
        .flat_map(|(_, text)| text.split(' '))
        .map(|number| number.parse().expect("a number"))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..4_700).collect::<Vec<_>>());
}

async fn too_many_lines_are_an_error_and_not_a_part(store: &Store) {
    store.prepared().await;
    let lines: Vec<Shipped<'_>> = (0..10)
        .map(|number| line("a", "messages", number, "12345"))
        .collect();
    store.ship(&lines).await;
    store
        .ship(&[line("a", "dmesg", 1, "x"), line("b", "dmesg", 2, "y")])
        .await;
    let selectors = || vec![stream("messages", 0, 60_000), stream("dmesg", 0, 60_000)];
    let asked = request(&["a", "b"], selectors());
    let fetch = async |logs: Logs| logs.fetch(&asked, &[], NOW_MS).await;

    let narrow = fetch(store.open_with(|config| config.maximum_lines_per_selector = 9)).await;
    let failed: Vec<(usize, &str)> = narrow
        .failed
        .iter()
        .map(|failed| (failed.selector, failed.host_id.as_str()))
        .collect();
    assert_eq!(failed, [(0, "a"), (0, "b")]);
    let reason = &narrow.failed[0].reason;
    assert!(reason.starts_with("more than 9 lines match"), "{reason}");
    assert!(reason.contains("maximum_lines_per_selector"), "{reason}");
    assert_eq!(found(&narrow, 0, "a"), []);
    assert_eq!(found(&narrow, 1, "a"), [(1, "x")], "the others are read");

    let exact = fetch(store.open_with(|config| config.maximum_lines_per_selector = 10)).await;
    assert_eq!((exact.failed.len(), found(&exact, 0, "a").len()), (0, 10));
    let filled = fetch(store.open_with(|config| config.maximum_lines_per_answer = 11)).await;
    assert!(filled.failed.iter().all(|failed| failed.selector == 1));
    assert_eq!((filled.failed.len(), found(&filled, 0, "a").len()), (2, 10));
    let long = fetch(store.open_with(|config| config.maximum_bytes_per_answer = 49)).await;
    assert!(
        long.failed[0]
            .reason
            .starts_with("more than 49 bytes of lines match")
    );
    let whole = fetch(store.open()).await;
    assert_eq!(whole.failed, []);
}

async fn heartbeats_tell_silence_from_a_silent_shipper(store: &Store) {
    let logs = store.prepared().await;
    let heartbeats =
        [-20_000, 10_000, 40_000, 200_000].map(|after| line("a", "heartbeat", after, "dmesg kbox"));
    store.ship(&heartbeats).await;
    store
        .ship(&[
            line("b", "dmesg", -500_000, "b has no heartbeats"),
            line("c", "heartbeat", -3_600_000, "dmesg"),
        ])
        .await;
    let selectors = vec![stream("dmesg", 0, 300_000), stream("messages", 0, 60_000)];
    let asked = request(&["a", "b", "c", "d"], selectors);
    let answer = logs.fetch(&asked, &[], NOW_MS).await;
    assert_eq!(answer.failed, []);
    assert_eq!(answer.series, []);
    // A heartbeat speaks for three intervals of 30 s.
    let silent = [
        (0, "a", 130_000, 200_000),
        (0, "a", 290_000, 300_000),
        (0, "c", 0, 300_000),
    ];
    assert_eq!(unheard(&answer), silent);
    let never = [(0, "d"), (1, "a"), (1, "b"), (1, "c"), (1, "d")];
    assert_eq!(never_had(&answer), never, "a ships no messages");

    // What comes later is heard by the same store.
    store.ship(&[line("d", "heartbeat", 0, "messages dmesg")]).await;
    let asked = request(&["d"], vec![stream("dmesg", 0, 60_000)]);
    let answer = logs.fetch(&asked, &[], NOW_MS).await;
    assert_eq!((never_had(&answer), unheard(&answer)), (vec![], vec![]));
}

async fn a_line_without_an_id_is_its_addresss(store: &Store) {
    let logs = store.prepared().await;
    let from = |address, host, host_id, message| Shipped {
        address,
        host,
        host_id,
        ..line("", "messages", 1_000, message)
    };
    let machines = [
        machine("a", "10.0.0.1"),
        machine("b", "b.example"),
        machine("c", "10.0.0.3"),
        machine("d", "10.0.0.3"),
        machine("e", "127.0.0.1"),
    ];
    store
        .ship(&[
            from("10.0.0.1", "", "", "by address"),
            from("127.0.0.1", "b.example", "", "by name"),
            from("10.0.0.1", "", "b", "by id"),
            from("10.9.9.9", "x", "", "nobody's"),
        ])
        .await;
    let asked = request(&["a", "b", "c", "e"], vec![stream("messages", 0, 60_000)]);
    let answer = logs.fetch(&asked, &machines, NOW_MS).await;
    assert_eq!(answer.failed, []);
    assert_eq!(found(&answer, 0, "a"), [(1_000, "by address")]);
    let mut of_b: Vec<&str> = found(&answer, 0, "b")[0].1.split(' ').collect();
    of_b.sort_unstable();
    assert_eq!(of_b, ["by", "by", "id", "name"]);
    assert_eq!(never_had(&answer), [(0, "c"), (0, "e")]);

    store.ship(&[from("10.0.0.3", "", "", "c's or d's")]).await;
    let answer = logs.fetch(&asked, &machines, NOW_MS).await;
    let [failed] = answer.failed.as_slice() else {
        panic!("of the two, c was asked for: {:?}", answer.failed);
    };
    assert_eq!(failed.host_id.as_str(), "c");
    let reason = &failed.reason;
    assert!(
        reason.contains("10.0.0.3") && reason.contains("(c, d)"),
        "{reason}"
    );
}

async fn labels_choose_lines(store: &Store) {
    let logs = store.prepared().await;
    let by = |program, after, message| Shipped {
        program,
        ..line("a", "messages", after, message)
    };
    store
        .ship(&[by("sshd", 1, "one"), by("cron", 2, "two"), by("", 3, "three")])
        .await;
    let with = |name: &str, operator, value: &str| {
        let mut selector = stream("messages", 0, 60_000);
        selector.matchers.push(LabelMatcher {
            name: name.to_owned(),
            operator,
            value: value.to_owned(),
        });
        selector
    };
    let selectors = vec![
        with("program", MatchOperator::Equal, "sshd"),
        with("program", MatchOperator::NotRegex, "ss.*"),
        with("program", MatchOperator::Equal, "login"),
        with("unit", MatchOperator::Equal, "sshd"),
        with("program", MatchOperator::Regex, "("),
    ];
    let answer = logs.fetch(&request(&["a"], selectors), &[], NOW_MS).await;
    assert_eq!(found(&answer, 0, "a"), [(1, "one")]);
    assert_eq!(found(&answer, 1, "a"), [(2, "two"), (3, "three")]);
    assert_eq!(found(&answer, 2, "a"), []);
    assert_eq!(never_had(&answer), [], "the host has the stream");
    let reasons: Vec<(usize, &str)> = answer
        .failed
        .iter()
        .map(|failed| (failed.selector, failed.reason.as_str()))
        .collect();
    assert_eq!(
        reasons[0],
        (
            3,
            "label \"unit\" of a log is not known; known are facility, program, severity"
        )
    );
    assert!(
        reasons[1].1.starts_with("'(' is not a regular expression"),
        "{reasons:?}"
    );
    assert_eq!(reasons.len(), 2);
}

async fn a_clock_ahead_is_corrected(store: &Store) {
    let logs = store.prepared().await;
    let at = |time, received, message| Shipped {
        received_ms: Some(NOW_MS + received),
        ..line("a", "messages", time, message)
    };
    store
        .ship(&[
            at(3_600_000, 1_000, "an hour ahead"),
            at(31_000, 2_000, "a little ahead"),
            at(3_000, 900_000, "late"),
        ])
        .await;
    let asked = request(&["a"], vec![stream("messages", 0, 60_000)]);
    let answer = logs.fetch(&asked, &[], NOW_MS).await;
    let expected = [
        (1_000, "an hour ahead"),
        (3_000, "late"),
        (31_000, "a little ahead"),
    ];
    assert_eq!(found(&answer, 0, "a"), expected);
    let asked = request(&["a"], vec![stream("messages", 60_000, 9_000_000)]);
    assert_eq!(logs.fetch(&asked, &[], NOW_MS).await.series, []);
}

async fn odd_and_long_texts_come_as_they_are(store: &Store) {
    let logs = store.prepared().await;
    let odd = "a \"quoted\" \\ line\n\tgoes on \u{0} ä 雪 {}";
    let longest = "y".repeat(64 * 1024);
    let too_long = "z".repeat(300_000);
    store
        .ship(&[
            line("a", "messages", 1, odd),
            line("a", "messages", 2, "12"),
            line("a", "messages", 3, &longest),
            line("a", "messages", 4, &too_long),
        ])
        .await;
    let asked = request(&["a"], vec![stream("messages", 0, 60_000)]);
    let answer = logs.fetch(&asked, &[], NOW_MS).await;
    let samples = found(&answer, 0, "a");
    assert_eq!(samples[..3], [(1, odd), (2, "12"), (3, longest.as_str())]);
    let cut = samples[3].1;
    assert!(
        cut.len() > longest.len() && cut.len() < longest.len() + 8,
        "{}",
        cut.len()
    );
}

async fn old_days_are_deleted_whole(store: &Store) {
    let logs = store.prepared().await;
    let day_ms = 86_400_000;
    let lines: Vec<Shipped<'_>> = (0..4)
        .map(|days| line("a", "messages", -days * day_ms, "x"))
        .collect();
    store.ship(&lines).await;
    // The days began two hours and more before: 2023-11-14T22:13:20Z is the last of them.
    let deleted = logs.delete_before(NOW_MS - day_ms).await.expect("deleted");
    let days = |names: &[String]| -> Vec<String> {
        let day = |name: &String| name.rsplit('-').next().unwrap_or_default().to_owned();
        names.iter().map(day).collect()
    };
    assert_eq!(days(&deleted), ["2023.11.11", "2023.11.12"]);
    let mut left = days(&store.indices().await);
    left.sort_unstable();
    assert_eq!(left, ["2023.11.13", "2023.11.14"]);
    let theirs =
        store.open_with(|config| config.indices = Some(format!("{}-log-*", config.connection.index_prefix)));
    assert_eq!(
        theirs.delete_before(i64::MAX).await.expect("kept"),
        Vec::<String>::new()
    );
    assert_eq!(
        store.indices().await.len(),
        2,
        "indices of others are theirs to delete"
    );
}

#[tokio::test]
async fn without_an_engine_no_host_has_ever_had_a_stream() {
    let logs = Logs::open(&LogsConfig::default(), LINE_SPEAKS_MS).expect("opened");
    let asked = request(&["a"], vec![stream("dmesg", 0, 60_000)]);
    let answer = logs.fetch(&asked, &[], NOW_MS).await;
    assert_eq!(never_had(&answer), [(0, "a")]);
    assert_eq!((answer.series.len(), answer.failed.len()), (0, 0));
}
