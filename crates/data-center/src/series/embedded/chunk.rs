//! Chunks: some samples of one series in few bytes, bit for bit the same when read back.
//!
//! ```text
//! chunk  = count, times, values
//! times  = integers by second differences (a regular scrape is a run of zeros)
//! values = form, then by form
//!            0..=3  decimals with so many digits after the point, as integers by first differences
//!            8..=11 the same by second differences (counters that grow evenly)
//!            16     floats: each xor-ed with the one before, zero bytes at both ends left out
//! ```
//! Of the forms that lose nothing the shortest is written. A run of zeros is a zero and its length.

use super::numbers::{Damaged, Reader, write_signed, write_unsigned};

const SECOND_DIFFERENCES: u8 = 8;
const FLOATS: u8 = 16;
/// Powers of ten tried as scale: CPU seconds have two digits, loads and ratios up to three.
const SCALES: [f64; 4] = [1.0, 10.0, 100.0, 1_000.0];
/// Integers up to here are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// More than any writer puts in one; a larger count is damage, and must not make us ask for memory.
pub(super) const MAXIMUM_COUNT: usize = 1 << 20;

/// A sample of a series known from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) time_ms: i64,
    pub(super) value: f64,
}

pub(super) fn encode(points: &[Point]) -> Vec<u8> {
    debug_assert!(points.len() <= MAXIMUM_COUNT, "writers cut chunks far below");
    let times: Vec<i64> = points.iter().map(|point| point.time_ms).collect();
    let values: Vec<f64> = points.iter().map(|point| point.value).collect();
    let mut bytes = Vec::new();
    write_unsigned(&mut bytes, points.len() as u64);
    write_integers(&mut bytes, &second_differences(&times));
    bytes.extend(shortest_form(&values));
    bytes
}

/// Adds the samples to `points`.
pub(super) fn decode(bytes: &[u8], points: &mut Vec<Point>) -> Result<(), Damaged> {
    let mut reader = Reader::new(bytes);
    let count = reader.count()?;
    if count > MAXIMUM_COUNT {
        return Err(Damaged);
    }
    let times = sums(&sums(&read_integers(&mut reader, count)?));
    let form = reader.byte()?;
    let values = match form {
        FLOATS => read_floats(&mut reader, count)?,
        _ => {
            let scale = SCALES
                .get(usize::from(form % SECOND_DIFFERENCES))
                .filter(|_| form < FLOATS)
                .ok_or(Damaged)?;
            let mut integers = sums(&read_integers(&mut reader, count)?);
            if form >= SECOND_DIFFERENCES {
                integers = sums(&integers);
            }
            integers.iter().map(|integer| *integer as f64 / scale).collect()
        }
    };
    if !reader.is_at_end() {
        return Err(Damaged);
    }
    let zipped = times.into_iter().zip(values);
    points.extend(zipped.map(|(time_ms, value)| Point { time_ms, value }));
    Ok(())
}

fn shortest_form(values: &[f64]) -> Vec<u8> {
    let mut forms = vec![floats_form(values)];
    let exact = SCALES
        .iter()
        .zip(0_u8..)
        .find_map(|(scale, digits)| Some((digits, scaled(values, *scale)?)));
    if let Some((digits, integers)) = exact {
        forms.push(integers_form(digits, &differences(&integers)));
        let second = second_differences(&integers);
        forms.push(integers_form(digits + SECOND_DIFFERENCES, &second));
    }
    forms.into_iter().min_by_key(Vec::len).expect("floats always fit")
}

fn integers_form(form: u8, integers: &[i64]) -> Vec<u8> {
    let mut bytes = vec![form];
    write_integers(&mut bytes, integers);
    bytes
}

/// The values times `scale` as integers, if reading them back gives the same bits (so never for NaN and -0).
fn scaled(values: &[f64], scale: f64) -> Option<Vec<i64>> {
    values
        .iter()
        .map(|value| {
            let product = (value * scale).round();
            let exact =
                product.abs() <= EXACT && (product as i64 as f64 / scale).to_bits() == value.to_bits();
            exact.then_some(product as i64)
        })
        .collect()
}

/// Each less the one before; the first as it is. Wraps, as does [`sums`], so that nothing is lost.
fn differences(integers: &[i64]) -> Vec<i64> {
    let mut before = 0_i64;
    integers
        .iter()
        .map(|integer| integer.wrapping_sub(std::mem::replace(&mut before, *integer)))
        .collect()
}

fn second_differences(integers: &[i64]) -> Vec<i64> {
    differences(&differences(integers))
}

/// The inverse of [`differences`].
fn sums(differences: &[i64]) -> Vec<i64> {
    let mut sum = 0_i64;
    differences
        .iter()
        .map(|difference| {
            sum = sum.wrapping_add(*difference);
            sum
        })
        .collect()
}

fn write_integers(bytes: &mut Vec<u8>, integers: &[i64]) {
    for run in integers.chunk_by(|one, next| *one == 0 && *next == 0) {
        write_signed(bytes, run[0]);
        if run[0] == 0 {
            write_unsigned(bytes, run.len() as u64);
        }
    }
}

fn read_integers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    let mut integers = Vec::with_capacity(count);
    while integers.len() < count {
        let integer = reader.signed()?;
        let run = if integer == 0 { reader.count()? } else { 1 };
        if run == 0 || run > count - integers.len() {
            return Err(Damaged);
        }
        integers.resize(integers.len() + run, integer);
    }
    Ok(integers)
}

/// Per value one byte (how many zero bytes at the front, how many at the end) and the bytes between.
fn floats_form(values: &[f64]) -> Vec<u8> {
    let mut bytes = vec![FLOATS];
    let mut before = 0_u64;
    for value in values {
        let bits = value.to_bits();
        let changed = bits ^ std::mem::replace(&mut before, bits);
        let front = changed.leading_zeros() / 8;
        let end = if changed == 0 {
            0
        } else {
            changed.trailing_zeros() / 8
        };
        bytes.push((front << 4 | end) as u8);
        bytes.extend(&changed.to_be_bytes()[front as usize..8 - end as usize]);
    }
    bytes
}

fn read_floats(reader: &mut Reader<'_>, count: usize) -> Result<Vec<f64>, Damaged> {
    let mut bits = 0_u64;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let ends = reader.byte()?;
        let (front, end) = (usize::from(ends >> 4), usize::from(ends & 0x0f));
        if front + end > 8 {
            return Err(Damaged);
        }
        let mut changed = [0_u8; 8];
        changed[front..8 - end].copy_from_slice(reader.bytes(8 - end - front)?);
        bits ^= u64::from_be_bytes(changed);
        values.push(f64::from_bits(bits));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(times_and_values: impl IntoIterator<Item = (i64, f64)>) -> Vec<Point> {
        times_and_values
            .into_iter()
            .map(|(time_ms, value)| Point { time_ms, value })
            .collect()
    }

    fn bits(points: &[Point]) -> Vec<(i64, u64)> {
        points
            .iter()
            .map(|point| (point.time_ms, point.value.to_bits()))
            .collect()
    }

    fn there_and_back(points: &[Point]) -> Vec<Point> {
        let mut back = Vec::new();
        decode(&encode(points), &mut back).expect("readable");
        back
    }

    fn some_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>(),
            any::<u64>().prop_map(f64::from_bits),
            (-1_000_000..1_000_000_i64).prop_map(|number| number as f64 / 100.0),
            any::<i64>().prop_map(|number| number as f64),
            prop_oneof![
                Just(0.0),
                Just(-0.0),
                Just(f64::NAN),
                Just(f64::INFINITY),
                Just(f64::NEG_INFINITY)
            ],
        ]
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(pairs in proptest::collection::vec((any::<i64>(), some_value()), 0..60)) {
            let original = points(pairs);
            prop_assert_eq!(bits(&there_and_back(&original)), bits(&original));
        }

        #[test]
        fn decimals_come_back(start: i32, steps in proptest::collection::vec(-500..500_i64, 0..200), scale in 0..4_usize) {
            let mut sum = i64::from(start);
            let values = steps.iter().map(|step| { sum += step; sum as f64 / SCALES[scale] });
            let original = points((0..).map(|index| index * 2_000).zip(values));
            prop_assert_eq!(bits(&there_and_back(&original)), bits(&original));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut read = Vec::new();
            if decode(&bytes, &mut read).is_ok() {
                prop_assert!(read.len() <= MAXIMUM_COUNT);
            }
        }
    }

    #[test]
    fn regular_series_are_small() {
        let size = |value: fn(i64) -> f64| {
            let samples = (0..120).map(|index| (1_700_000_000_123 + index * 2_000, value(index)));
            encode(&points(samples)).len()
        };
        assert!(size(|_| 8_589_934_592.0) <= 25, "constant");
        assert!(size(|index| (index * 4_096) as f64) <= 30, "even counter");
        assert!(
            size(|index| (index * 199 + index % 3) as f64 / 100.0) <= 300,
            "CPU seconds"
        );
        assert!(
            size(|index| f64::from((index as f32 * 0.7).sin())) <= 800,
            "floats"
        );
    }

    #[test]
    fn a_cut_chunk_is_damaged() {
        let bytes = encode(&points([(1, 1.5), (2, f64::NAN), (3, 7.0)]));
        for length in 0..bytes.len() {
            assert_eq!(
                decode(&bytes[..length], &mut Vec::new()),
                Err(Damaged),
                "{length}"
            );
        }
    }
}
