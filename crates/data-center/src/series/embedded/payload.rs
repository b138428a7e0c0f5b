//! Payloads: the samples of one append as they wait in the file to be put into chunks.
//!
//! Written once every scrape and read only when the file is opened, so simple rather than short.

use super::chunk::Point;
use super::index::SeriesId;
use super::numbers::{Damaged, Reader, write_signed};

pub(super) fn encode(samples: &[(SeriesId, Point)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(samples.len() * 12);
    let mut before = (0_i64, 0_i64);
    for (series, point) in samples {
        write_signed(&mut bytes, series.0.wrapping_sub(before.0));
        write_signed(&mut bytes, point.time_ms.wrapping_sub(before.1));
        bytes.extend(point.value.to_le_bytes());
        before = (series.0, point.time_ms);
    }
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<(SeriesId, Point)>, Damaged> {
    let mut reader = Reader::new(bytes);
    let mut samples = Vec::new();
    let (mut series, mut time_ms) = (0_i64, 0_i64);
    while !reader.is_at_end() {
        series = series.wrapping_add(reader.signed()?);
        time_ms = time_ms.wrapping_add(reader.signed()?);
        let value = reader.bytes(8)?.try_into().map_err(|_| Damaged)?;
        let value = f64::from_le_bytes(value);
        samples.push((SeriesId(series), Point { time_ms, value }));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn payloads_come_back(samples in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<u64>()), 0..40)) {
            let original: Vec<_> = samples
                .iter()
                .map(|(series, time_ms, bits)| {
                    let point = Point { time_ms: *time_ms, value: f64::from_bits(*bits) };
                    (SeriesId(*series), point)
                })
                .collect();
            let back = decode(&encode(&original)).expect("readable");
            let bits: Vec<_> = back
                .iter()
                .map(|(series, point)| (series.0, point.time_ms, point.value.to_bits()))
                .collect();
            prop_assert_eq!(bits, samples);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(samples) = decode(&bytes) {
                prop_assert!(samples.len() <= bytes.len());
            }
        }
    }
}
