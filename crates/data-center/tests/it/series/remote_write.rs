//! Remote write, version 1: how tests fill Prometheus and VictoriaMetrics with samples of any time.

use aops_data_center::series::Sample;

/// The NaN that says that a series ended. Others are samples.
pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Writes samples; when it returns the server has them.
pub(crate) async fn send(url: &str, samples: &[Sample]) {
    if samples.is_empty() {
        return;
    }
    let body = snappy(&write_request(samples));
    let answer = reqwest::Client::new()
        .post(format!("{url}/api/v1/write"))
        .header("content-encoding", "snappy")
        .header("content-type", "application/x-protobuf")
        .header("x-prometheus-remote-write-version", "0.1.0")
        .body(body)
        .send()
        .await
        .expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("a text");
    assert!(status.is_success(), "{status}: {text}");
}

/// `prometheus.WriteRequest`: a series for each sample.
fn write_request(samples: &[Sample]) -> Vec<u8> {
    let mut request = Vec::new();
    for sample in samples {
        let mut labels = sample.labels.clone();
        labels.insert("__name__".to_owned(), sample.name.clone());
        let mut series = Vec::new();
        for (name, value) in &labels {
            let mut label = Vec::new();
            write_bytes(&mut label, 1, name.as_bytes());
            write_bytes(&mut label, 2, value.as_bytes());
            write_bytes(&mut series, 1, &label);
        }
        let mut point = vec![1 << 3 | 1];
        point.extend(sample.value.to_le_bytes());
        point.push(2 << 3);
        write_number(&mut point, sample.time_ms as u64);
        write_bytes(&mut series, 2, &point);
        write_bytes(&mut request, 1, &series);
    }
    request
}

fn write_bytes(target: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    target.push(field << 3 | 2);
    write_number(target, bytes.len() as u64);
    target.extend(bytes);
}

fn write_number(target: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        target.push(number as u8 | 0x80);
        number >>= 7;
    }
    target.push(number as u8);
}

/// The block format of Snappy, without compressing anything.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    write_number(&mut block, bytes.len() as u64);
    for piece in bytes.chunks(60) {
        block.push((piece.len() as u8 - 1) << 2);
        block.extend(piece);
    }
    block
}
