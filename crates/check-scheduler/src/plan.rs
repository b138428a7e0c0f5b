//! Which windows are due: a pure decision over cursors, machines and the time.
//!
//! Windows end at multiples of `window_ms`, and a window that ends at `e` is due at `e + evaluation_delay_ms`. A cursor
//! is where the next window of its shard begins. A plan holds at most one step for each shard; what is left to catch up
//! is planned again when the cursor has moved.

use std::collections::BTreeMap;

use aops_api::host::Machine;
use aops_api::message::{CheckExecuteReq, CheckKind, VERSION};
use aops_api::schedule::{CursorMoveRequest, CursorsAnswer};
use aops_api::{HostId, Shard, TimeRange};

use crate::Config;

/// A step of one shard: publish the message, then move the cursor.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What is to be published; none when a cursor is only set or passed over.
    pub message: Option<CheckExecuteReq>,
    /// What is left unchecked before the window, because it is too far back; a hole in the coverage.
    pub skipped: Option<TimeRange>,
    /// How the cursor moves, if nobody has moved it.
    pub cursor_move: CursorMoveRequest,
}

impl Planned {
    /// Whether the cursor was ahead of the time.
    pub fn is_move_back(&self) -> bool {
        let to_ms = self.cursor_move.position_ms;
        self.cursor_move
            .expected_ms
            .is_some_and(|from_ms| from_ms > to_ms)
    }
}

/// The end of the newest window that is due.
pub fn newest_due_end_ms(now_ms: i64, config: &Config) -> i64 {
    floor(now_ms - config.evaluation_delay_ms, config.window_ms)
}

/// When the next window will be due.
pub fn next_due_ms(now_ms: i64, config: &Config) -> i64 {
    newest_due_end_ms(now_ms, config) + config.window_ms + config.evaluation_delay_ms
}

/// The steps that are due, ordered by shard.
pub fn plan_windows(
    now_ms: i64,
    cursors: &CursorsAnswer,
    machines: &[Machine],
    config: &Config,
) -> Vec<Planned> {
    let positions: BTreeMap<Shard, i64> = cursors
        .cursors
        .iter()
        .map(|cursor| (cursor.shard, cursor.position_ms))
        .collect();
    let mut machines_of: BTreeMap<Shard, Vec<&Machine>> = BTreeMap::new();
    for machine in machines {
        machines_of.entry(machine.shard).or_default().push(machine);
    }
    let newest_end_ms = newest_due_end_ms(now_ms, config);
    Shard::all()
        .filter_map(|shard| {
            let machines = machines_of.get(&shard).map_or(&[][..], Vec::as_slice);
            let position_ms = positions.get(&shard).copied();
            let mut planned = plan_shard(shard, position_ms, machines, newest_end_ms, config)?;
            if let Some(message) = &mut planned.message {
                message.rules_revision = cursors.rules_revision;
            }
            Some(planned)
        })
        .collect()
}

fn plan_shard(
    shard: Shard,
    position_ms: Option<i64>,
    machines: &[&Machine],
    newest_end_ms: i64,
    config: &Config,
) -> Option<Planned> {
    let set_to = |position| Planned {
        message: None,
        skipped: None,
        cursor_move: CursorMoveRequest {
            shard,
            expected_ms: position_ms,
            position_ms: position,
        },
    };
    let Some(position_ms) = position_ms else {
        // A shard is watched from its first host on.
        return (!machines.is_empty()).then(|| set_to(newest_end_ms));
    };
    if position_ms - newest_end_ms > config.max_window_ms {
        // Moved by a clock that was ahead. Without this the shard would stay unchecked until that time has come.
        return Some(set_to(newest_end_ms));
    }
    if machines.is_empty() {
        // Nobody to check. The cursor follows now and then, so that a host that comes later is not checked for a time
        // when it was not there.
        return (newest_end_ms - position_ms > config.max_window_ms).then(|| set_to(newest_end_ms));
    }
    if position_ms >= newest_end_ms {
        return None;
    }
    let earliest_ms = newest_end_ms - floor(config.catch_up_limit_ms, config.window_ms);
    let start_ms = position_ms.max(earliest_ms);
    let end_ms = newest_end_ms.min(floor(start_ms + config.max_window_ms, config.window_ms));
    let hosts: Vec<HostId> = machines
        .iter()
        // Before its first sample there is nothing to say of a host; one that never had any is missing its data now.
        .filter(|machine| machine.first_sample_ms.is_none_or(|first_ms| first_ms < end_ms))
        .map(|machine| machine.host_id.clone())
        .collect();
    let mut planned = set_to(end_ms);
    if start_ms > position_ms {
        planned.skipped = Some(TimeRange::new(position_ms, start_ms));
    }
    if !hosts.is_empty() {
        planned.message = Some(CheckExecuteReq {
            version: VERSION,
            id: format!("forward/{shard}/{start_ms}/{end_ms}"),
            shard: Some(shard),
            host_list: hosts,
            time_range: TimeRange::new(start_ms, end_ms),
            kind: CheckKind::Forward,
            rules_revision: 0,
            keys: None,
        });
    }
    Some(planned)
}

/// The largest multiple of `step` that is not above `value`.
fn floor(value: i64, step: i64) -> i64 {
    value - value.rem_euclid(step)
}

#[cfg(test)]
mod tests {
    use aops_api::schedule::Cursor;
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn config() -> Config {
        Config {
            window_ms: 10_000,
            evaluation_delay_ms: 7_000,
            max_window_ms: 60_000,
            catch_up_limit_ms: 300_000,
            ..Config::default()
        }
    }

    fn machine(host: &str, first_sample_ms: Option<i64>) -> Machine {
        let host_id = HostId::from(host);
        let shard = Shard::of(&host_id);
        Machine {
            host_id,
            address: "10.0.0.1".to_owned(),
            shard,
            first_sample_ms,
        }
    }

    fn cursors(position_ms: Option<i64>) -> CursorsAnswer {
        let shard = Shard::of(&HostId::from("h"));
        let cursors = position_ms
            .map(|position_ms| Cursor { shard, position_ms })
            .into_iter()
            .collect();
        CursorsAnswer {
            cursors,
            rules_revision: 5,
        }
    }

    fn plan_one(now_ms: i64, position_ms: Option<i64>) -> Option<Planned> {
        let mut planned = plan_windows(now_ms, &cursors(position_ms), &[machine("h", Some(0))], &config());
        assert!(planned.len() <= 1);
        planned.pop()
    }

    #[test]
    fn a_window_is_due_the_delay_after_its_end() {
        let start = NOW_MS;
        let end = start + 10_000;
        assert!(plan_one(end + 6_999, Some(start)).is_none());
        assert_eq!(next_due_ms(end + 6_999, &config()), end + 7_000);
        let planned = plan_one(end + 7_000, Some(start)).expect("due");
        let message = planned.message.expect("published");
        assert_eq!(
            message.id,
            format!("forward/{}/{start}/{end}", Shard::of(&HostId::from("h")))
        );
        assert_eq!(message.time_range, TimeRange::new(start, end));
        assert_eq!(message.host_list, [HostId::from("h")]);
        assert_eq!(
            (message.kind, message.rules_revision, message.keys),
            (CheckKind::Forward, 5, None)
        );
        assert_eq!(
            (planned.cursor_move.expected_ms, planned.cursor_move.position_ms),
            (Some(start), end)
        );
        assert_eq!(planned.skipped, None);
        assert!(plan_one(end + 7_000, Some(end)).is_none());
    }

    #[test]
    fn a_cursor_that_is_far_ahead_is_moved_back() {
        let ahead = NOW_MS + 60_000;
        assert!(
            plan_one(NOW_MS + 7_000, Some(ahead)).is_none(),
            "time comes to it"
        );
        let planned = plan_one(NOW_MS + 7_000, Some(ahead + 1)).expect("moved");
        assert!(planned.is_move_back() && planned.message.is_none() && planned.skipped.is_none());
        assert_eq!(
            (planned.cursor_move.expected_ms, planned.cursor_move.position_ms),
            (Some(ahead + 1), NOW_MS)
        );
        let forward = plan_one(NOW_MS + 17_000, Some(NOW_MS)).expect("due");
        assert!(!forward.is_move_back());
    }

    #[test]
    fn without_a_cursor_it_starts_at_the_last_boundary() {
        let planned = plan_one(NOW_MS + 8_000, None).expect("the cursor is made");
        assert!(planned.message.is_none());
        assert_eq!(
            (planned.cursor_move.expected_ms, planned.cursor_move.position_ms),
            (None, NOW_MS)
        );
    }

    #[test]
    fn what_was_missed_is_taken_in_long_windows() {
        let planned = plan_one(NOW_MS + 147_000, Some(NOW_MS)).expect("due");
        assert_eq!(planned.cursor_move.position_ms, NOW_MS + 60_000);
        let planned = plan_one(NOW_MS + 147_000, Some(NOW_MS + 120_000)).expect("due");
        assert_eq!(
            planned.message.expect("published").time_range,
            TimeRange::new(NOW_MS + 120_000, NOW_MS + 140_000)
        );
    }

    #[test]
    fn what_is_too_far_back_becomes_a_hole() {
        let planned = plan_one(NOW_MS + 1_007_000, Some(NOW_MS)).expect("due");
        assert_eq!(planned.skipped, Some(TimeRange::new(NOW_MS, NOW_MS + 700_000)));
        let range = TimeRange::new(NOW_MS + 700_000, NOW_MS + 760_000);
        assert_eq!(planned.message.expect("published").time_range, range);
        assert_eq!(
            (planned.cursor_move.expected_ms, planned.cursor_move.position_ms),
            (Some(NOW_MS), range.end_ms)
        );
    }

    #[test]
    fn a_host_is_not_checked_for_a_time_before_its_first_sample() {
        let end = NOW_MS + 10_000;
        let plan = |machines: &[Machine]| {
            let mut planned = plan_windows(end + 7_000, &cursors(Some(NOW_MS)), machines, &config());
            planned
                .pop()
                .expect("due")
                .message
                .map(|message| message.host_list)
        };
        assert_eq!(plan(&[machine("h", Some(end))]), None, "the cursor moves alone");
        assert_eq!(
            plan(&[machine("h", Some(end - 1))]),
            Some(vec![HostId::from("h")])
        );
        assert_eq!(plan(&[machine("h", None)]), Some(vec![HostId::from("h")]));
    }

    #[test]
    fn the_cursor_of_an_empty_shard_follows_now_and_then() {
        let plan = |now_ms| plan_windows(now_ms, &cursors(Some(NOW_MS)), &[], &config()).pop();
        assert!(plan(NOW_MS + 67_000).is_none());
        let planned = plan(NOW_MS + 77_000).expect("it follows");
        assert!(planned.message.is_none());
        assert_eq!(planned.cursor_move.position_ms, NOW_MS + 70_000);
    }

    proptest! {
        /// A scheduler that looks at any times, and sometimes dies between publishing and moving the cursor, publishes
        /// every moment of a shard once or more, in order, except what it says it skipped.
        #[test]
        fn windows_leave_no_hole_unsaid(
            first_ms in 0..100_000i64,
            steps in prop::collection::vec((0..400_000i64, any::<bool>()), 1..60),
            window_seconds in 1..30i64,
        ) {
            let config = Config {
                window_ms: window_seconds * 1_000,
                max_window_ms: window_seconds * 4_500,
                catch_up_limit_ms: 200_000,
                ..config()
            };
            let shard = Shard::of(&HostId::from("h"));
            let mut now_ms = NOW_MS;
            let mut position_ms = NOW_MS - 30_000 - first_ms;
            for (pause_ms, dies) in steps {
                now_ms += pause_ms;
                let answer = CursorsAnswer { cursors: vec![Cursor { shard, position_ms }], rules_revision: 0 };
                let Some(planned) = plan_windows(now_ms, &answer, &[machine("h", Some(0))], &config).pop() else {
                    prop_assert!(position_ms + config.window_ms + config.evaluation_delay_ms > now_ms);
                    continue;
                };
                let range = planned.message.expect("published").time_range;
                prop_assert!(!range.is_empty());
                prop_assert_eq!(range.end_ms % config.window_ms, 0);
                prop_assert!(range.end_ms + config.evaluation_delay_ms <= now_ms);
                prop_assert!(range.duration_ms() <= config.max_window_ms);
                let from_ms = planned.skipped.map_or(range.start_ms, |skipped| {
                    assert_eq!(skipped.end_ms, range.start_ms);
                    assert!(skipped.end_ms <= now_ms - config.catch_up_limit_ms + config.window_ms);
                    skipped.start_ms
                });
                prop_assert_eq!(from_ms, position_ms, "it goes on where it was");
                prop_assert_eq!(planned.cursor_move.expected_ms, Some(position_ms));
                prop_assert_eq!(planned.cursor_move.position_ms, range.end_ms);
                if !dies {
                    position_ms = range.end_ms;
                }
            }
        }

        /// Every host of every shard is in exactly one message, in the message of its shard.
        #[test]
        fn every_host_is_in_the_message_of_its_shard(hosts in prop::collection::btree_set("[a-f0-9]{4}", 0..200)) {
            let machines: Vec<Machine> = hosts.iter().map(|host| machine(host, Some(0))).collect();
            let cursors = Shard::all().map(|shard| Cursor { shard, position_ms: NOW_MS }).collect();
            let answer = CursorsAnswer { cursors, rules_revision: 0 };
            let planned = plan_windows(NOW_MS + 17_000, &answer, &machines, &config());
            let mut seen = Vec::new();
            for message in planned.into_iter().filter_map(|planned| planned.message) {
                prop_assert!(message.host_list.iter().all(|host| Some(Shard::of(host)) == message.shard));
                seen.extend(message.host_list.iter().map(|host| host.as_str().to_owned()));
            }
            seen.sort();
            prop_assert_eq!(seen, hosts.into_iter().collect::<Vec<_>>());
        }
    }
}
