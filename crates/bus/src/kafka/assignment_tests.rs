use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1_000;

fn receive(partition: &mut Partition<()>, offset: i64, key: &str) -> Arrival {
    partition.receive(offset, key.to_owned(), format!("id {offset}"), ())
}

/// A partition with messages of these keys, from offset 0.
fn with_keys(keys: &str) -> Partition<()> {
    let mut partition = Partition::new(None, LIMIT);
    for (offset, key) in keys.chars().enumerate() {
        assert_eq!(
            receive(&mut partition, offset as i64, &key.to_string()),
            Arrival::Queued
        );
    }
    partition
}

fn take(partition: &mut Partition<()>) -> Option<i64> {
    partition.take().map(|taken| taken.offset)
}

fn progress(offset: i64, settled: impl IntoIterator<Item = i64>) -> Progress {
    Progress {
        offset,
        settled: settled.into_iter().collect(),
    }
}

#[test]
fn keys_go_in_parallel_and_each_in_order() {
    let mut partition = with_keys("aabb");
    assert_eq!(take(&mut partition), Some(0));
    assert_eq!(take(&mut partition), Some(2));
    assert_eq!(take(&mut partition), None);
    assert!(partition.settle(2));
    assert_eq!(take(&mut partition), Some(3));
    assert!(partition.settle(0));
    assert_eq!(take(&mut partition), Some(1));
}

#[test]
fn the_lowest_unsettled_is_committed_with_those_above_it() {
    let mut partition = with_keys("abc");
    assert_eq!(partition.progress(), Some(progress(0, [])));
    for _ in 0..3 {
        partition.take();
    }
    partition.settle(1);
    assert_eq!(partition.progress(), Some(progress(0, [1])));
    partition.settle(0);
    assert_eq!(partition.progress(), Some(progress(2, [])));
    partition.settle(2);
    assert_eq!(partition.progress(), Some(progress(3, [])));
}

#[test]
fn a_retry_holds_back_its_key_only() {
    let mut partition = with_keys("aab");
    assert_eq!(take(&mut partition), Some(0));
    assert!(partition.retry_at(0, 50));
    assert_eq!(take(&mut partition), Some(2));
    assert_eq!(take(&mut partition), None);
    assert_eq!(partition.next_due_ms(), Some(50));
    partition.wake(49);
    assert_eq!(take(&mut partition), None);
    partition.wake(50);
    let again = partition.take().expect("due");
    assert_eq!((again.offset, again.attempt), (0, 2));
    assert_eq!(partition.next_due_ms(), None);
}

#[test]
fn what_is_not_held_cannot_be_settled() {
    let mut partition = with_keys("a");
    assert!(!partition.settle(0) && !partition.release(0) && !partition.retry_at(0, 1));
    partition.take();
    assert!(partition.release(0));
    assert!(!partition.settle(0), "given back");
    partition.take();
    assert!(partition.settle(0));
    assert!(!partition.settle(0), "settled before");
    assert_eq!(partition.held(), 0);
}

#[test]
fn an_id_that_waits_or_is_held_is_one_message() {
    let mut partition = Partition::new(None, LIMIT);
    let arrive = |partition: &mut Partition<()>, offset, key: &str| {
        partition.receive(offset, key.into(), "x".into(), ())
    };
    assert_eq!(arrive(&mut partition, 0, "a"), Arrival::Queued);
    assert_eq!(arrive(&mut partition, 1, "a"), Arrival::Repeated);
    assert_eq!(arrive(&mut partition, 2, "b"), Arrival::Queued, "another key");
    assert_eq!(take(&mut partition), Some(0));
    assert_eq!(arrive(&mut partition, 3, "a"), Arrival::Repeated);
    partition.settle(0);
    assert_eq!(partition.progress(), Some(progress(2, [3])));
    assert_eq!(arrive(&mut partition, 4, "a"), Arrival::Queued, "new work");
}

#[test]
fn a_log_that_began_anew_is_read_anew() {
    let mut partition = with_keys("abc");
    partition.take();
    assert_eq!(receive(&mut partition, 1, "z"), Arrival::LogBeganAnew);
    assert!(!partition.settle(0), "of the old log");
    assert_eq!(partition.progress(), Some(progress(1, [])));
    assert_eq!(take(&mut partition), Some(1));
}

#[test]
fn what_was_settled_before_is_passed_over() {
    let mut partition = Partition::new(Some(progress(5, [7])), LIMIT);
    assert_eq!(partition.progress(), Some(progress(5, [7])));
    assert_eq!(receive(&mut partition, 5, "a"), Arrival::Queued);
    assert_eq!(
        receive(&mut partition, 7, "a"),
        Arrival::AlreadySettled,
        "6 is a gap"
    );
    assert_eq!(partition.progress(), Some(progress(5, [7])));
    partition.take();
    partition.settle(5);
    assert_eq!(partition.progress(), Some(progress(8, [])));
}

#[test]
fn a_commit_passes_over_what_was_settled_before_and_is_not_read_yet() {
    let mut partition = Partition::new(Some(progress(5, [6, 7, 9])), LIMIT);
    receive(&mut partition, 5, "a");
    partition.take();
    partition.settle(5);
    assert_eq!(partition.progress(), Some(progress(8, [9])));
    assert_eq!(receive(&mut partition, 6, "a"), Arrival::AlreadySettled);
    assert_eq!(receive(&mut partition, 7, "a"), Arrival::AlreadySettled);
    assert_eq!(receive(&mut partition, 8, "a"), Arrival::Queued);
    assert_eq!(partition.progress(), Some(progress(8, [9])));
}

#[test]
fn a_partition_that_was_lost_goes_on_if_nobody_touched_it() {
    let mut partition = with_keys("abc");
    for _ in 0..3 {
        partition.take();
    }
    partition.settle(1);
    assert_eq!(partition.resumes_at(None), Some(3));
    assert_eq!(partition.resumes_at(Some(&progress(0, []))), Some(3));
    assert_eq!(partition.resumes_at(Some(&progress(0, [1]))), Some(3));
    assert_eq!(
        partition.resumes_at(Some(&progress(0, [1, 2]))),
        None,
        "2 is done"
    );
    assert_eq!(partition.resumes_at(Some(&progress(1, []))), None, "0 is done");
    partition.settle(0);
    assert_eq!(partition.resumes_at(Some(&progress(0, [1]))), Some(3));
    assert_eq!(with_keys("").resumes_at(None), None);
}

#[test]
fn a_partition_whose_commits_are_gone_is_read_anew() {
    let mut partition = with_keys("abc");
    partition.take();
    partition.settle(0);
    assert_eq!(partition.resumes_at(None), Some(3), "nothing was committed yet");
    partition.committed(1);
    assert_eq!(partition.resumes_at(Some(&progress(1, []))), Some(3));
    assert_eq!(partition.resumes_at(None), None, "the topic was made anew");
    assert_eq!(partition.resumes_at(Some(&progress(0, []))), None, "set back");
    let taken_over = Partition::<()>::new(Some(progress(5, [])), LIMIT);
    assert_eq!(taken_over.resumes_at(None), None);
}

#[test]
fn what_is_taken_in_is_bounded() {
    let mut partition: Partition<()> = Partition::new(None, 4);
    for offset in 0..4 {
        assert!(!partition.is_full());
        receive(&mut partition, offset, &format!("k{offset}"));
    }
    assert!(partition.is_full());
    for _ in 0..2 {
        let offset = take(&mut partition).expect("ready");
        assert!(!partition.has_room());
        partition.settle(offset);
    }
    assert!(partition.has_room() && !partition.is_full());
}

#[test]
fn a_message_that_stays_does_not_let_others_run_away() {
    let mut partition: Partition<()> = Partition::new(None, 10);
    receive(&mut partition, 0, "stays");
    partition.take();
    for offset in 1..LONGEST_SPAN {
        assert!(!partition.is_full(), "{offset}");
        receive(&mut partition, offset, "goes");
        take(&mut partition).expect("ready");
        partition.settle(offset);
    }
    assert!(partition.is_full());
    partition.settle(0);
    assert!(partition.has_room());
}

#[derive(Clone, Debug)]
enum Step {
    Receive,
    Take,
    Settle(usize),
    Release(usize),
    Retry(usize),
    Wake,
    /// The process dies; another reads what was committed.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Receive),
        4 => Just(Step::Take),
        3 => any::<usize>().prop_map(Step::Settle),
        1 => any::<usize>().prop_map(Step::Release),
        1 => any::<usize>().prop_map(Step::Retry),
        1 => Just(Step::Wake),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    /// Whatever happens: order and one at a time per key, nothing that was settled comes again, nothing is lost.
    #[test]
    fn the_contract_holds(steps in steps(), keys in prop::collection::vec(0..4u8, 100)) {
        let mut partition: Partition<()> = Partition::new(None, LIMIT);
        let mut log_position = 0;
        let mut held: Vec<i64> = Vec::new();
        let mut settled: BTreeMap<i64, ()> = BTreeMap::new();
        let mut last_of_key: HashMap<u8, i64> = HashMap::new();
        let key_of = |offset: i64| keys[offset as usize];
        for step in steps {
            let chosen = |n: usize, held: &mut Vec<i64>| (!held.is_empty()).then(|| held.remove(n % held.len()));
            match step {
                Step::Receive if log_position < 100 => {
                    let key = key_of(log_position).to_string();
                    let arrival = receive(&mut partition, log_position, &key);
                    let expected = if settled.contains_key(&log_position) { Arrival::AlreadySettled } else { Arrival::Queued };
                    prop_assert_eq!(arrival, expected);
                    log_position += 1;
                }
                Step::Receive => {}
                Step::Take => if let Some(offset) = take(&mut partition) {
                    let key = key_of(offset);
                    prop_assert!(held.iter().all(|other| key_of(*other) != key), "two of one key at a time");
                    prop_assert!(!settled.contains_key(&offset), "settled, and again");
                    prop_assert!(last_of_key.get(&key).is_none_or(|last| *last < offset), "out of order");
                    held.push(offset);
                },
                Step::Settle(n) => if let Some(offset) = chosen(n, &mut held) {
                    prop_assert!(partition.settle(offset));
                    settled.insert(offset, ());
                    last_of_key.insert(key_of(offset), offset);
                },
                Step::Release(n) => if let Some(offset) = chosen(n, &mut held) {
                    prop_assert!(partition.release(offset));
                },
                Step::Retry(n) => if let Some(offset) = chosen(n, &mut held) {
                    prop_assert!(partition.retry_at(offset, 1));
                },
                Step::Wake => partition.wake(1),
                Step::Restart => {
                    let committed = partition.progress().map(|progress| {
                        crate::kafka::settled::read(progress.offset, &crate::kafka::settled::write(&progress))
                    });
                    log_position = committed.as_ref().map_or(0, |progress| progress.offset);
                    partition = Partition::new(committed, LIMIT);
                    held.clear();
                }
            }
            prop_assert_eq!(partition.held(), held.len());
        }
        while log_position < 100 {
            receive(&mut partition, log_position, &key_of(log_position).to_string());
            log_position += 1;
        }
        partition.wake(1);
        loop {
            while let Some(offset) = take(&mut partition) {
                held.push(offset);
            }
            let Some(offset) = held.pop() else { break };
            prop_assert!(settled.insert(offset, ()).is_none());
            partition.settle(offset);
        }
        prop_assert_eq!(settled.len(), 100);
        prop_assert_eq!(partition.progress(), Some(progress(100, [])));
    }
}
