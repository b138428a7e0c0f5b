use super::*;
use crate::item_series::tests::series;

const SAMPLES: [(i64, f64); 6] = [
    (0, 9.0),
    (10_000, 1.5),
    (20_000, 3.0),
    (30_000, f64::NAN),
    (40_000, 4.0),
    (90_000, 2.0),
];

fn readings(summary: Summary, window: Window, moments: &[i64]) -> Vec<(f64, usize, bool)> {
    let series = series(&SAMPLES, 10_000);
    let mut windows = Windows::default();
    let id = windows.id(0, 0, summary, window);
    let values = series.numbers().expect("numbers");
    moments
        .iter()
        .map(|moment| {
            let reading = windows.read(id, &series, values, *moment);
            (reading.value, reading.samples, reading.has_not_finite)
        })
        .collect()
}

const CLOSED: [i64; 7] = [0, 10_000, 20_000, 29_999, 40_000, 40_001, 95_000];

#[test]
fn a_window_by_time_is_closed_on_both_sides() {
    let window = Window::Time { ms: 10_000 };
    let samples = [1, 2, 2, 1, 2, 1, 1];
    let finite = [true, true, true, true, false, true, true];
    for (summary, expected) in [
        (Summary::Max, [9.0, 9.0, 3.0, 3.0, 4.0, 4.0, 2.0]),
        (Summary::Min, [9.0, 1.5, 1.5, 3.0, 4.0, 4.0, 2.0]),
        (Summary::Total, [9.0, 10.5, 4.5, 3.0, 4.0, 4.0, 2.0]),
        (
            Summary::Count(BinaryOperator::Greater, 2.5_f64.to_bits()),
            [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
        ),
    ] {
        let expected: Vec<_> = (0..7)
            .map(|index| (expected[index], samples[index], !finite[index]))
            .collect();
        assert_eq!(readings(summary, window, &CLOSED), expected, "{summary:?}");
    }
}

#[test]
fn a_window_by_samples_reaches_as_far_as_the_gaps_allow() {
    let window = Window::Samples { count: 2 };
    assert_eq!(
        readings(Summary::Max, window, &[0, 10_000, 20_000, 90_000]),
        [(9.0, 1, false), (9.0, 2, false), (3.0, 2, false), (2.0, 1, false)]
    );
}

#[test]
fn an_empty_window_has_extremes_and_a_sum() {
    let window = Window::Time { ms: -1 };
    for (summary, value) in [
        (Summary::Max, f64::NEG_INFINITY),
        (Summary::Min, f64::INFINITY),
        (Summary::Total, 0.0),
    ] {
        assert_eq!(readings(summary, window, &[0, 20_000]), [(value, 0, false); 2]);
    }
}

#[test]
fn an_earlier_moment_is_read_as_if_nothing_had_been() {
    let window = Window::Time { ms: 10_000 };
    let forward = readings(Summary::Total, window, &CLOSED);
    let there_and_back: Vec<i64> = CLOSED.iter().chain(CLOSED.iter().rev()).copied().collect();
    let both = readings(Summary::Total, window, &there_and_back);
    assert_eq!(both[..7], forward[..]);
    let backward: Vec<_> = both[7..].iter().rev().copied().collect();
    assert_eq!(backward, forward);
    // One that was never read on the way.
    assert_eq!(
        readings(Summary::Total, window, &[95_000, 20_000]),
        [(2.0, 1, false), (4.5, 2, false)]
    );
}

#[test]
fn a_prediction_is_computed_once() {
    let mut windows = Windows::default();
    let line = (Window::Time { ms: 1_000 }, 5_000);
    let mut computed = 0;
    for time_ms in [10, 20, 10, 20, 15] {
        let predicted = windows.predicted((0, 0), line, time_ms, || {
            computed += 1;
            Ok(Value::Int(i128::from(time_ms)))
        });
        assert_eq!(predicted, Ok(Value::Int(i128::from(time_ms))));
    }
    assert_eq!(computed, 3);
}

#[test]
fn equal_windows_are_one_and_those_of_series_that_are_gone_are_forgotten() {
    let mut windows = Windows::default();
    let window = Window::Time { ms: 1_000 };
    let first = windows.id(0, 0, Summary::Max, window);
    assert_eq!(windows.id(0, 0, Summary::Max, window), first);
    assert_ne!(windows.id(0, 1, Summary::Max, window), first);
    assert_ne!(windows.id(1, 0, Summary::Max, window), first);
    assert_ne!(windows.id(0, 0, Summary::Min, window), first);
    windows.retain(|stream, series| stream == 0 && series == 0);
    assert_eq!(windows.windows.len(), 2);
}
