//! Metric families made from values that are read elsewhere: the kernel counts, not the process.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// What is counted up, such as seconds since boot.
pub(crate) fn counter(name: &str, help: &str, metrics: Vec<(Vec<LabelPair>, f64)>) -> MetricFamily {
    let metrics = metrics.into_iter().map(|(labels, value)| {
        let mut counter = Counter::default();
        counter.set_value(value);
        let mut metric = Metric::from_label(labels);
        metric.set_counter(counter);
        metric
    });
    family(name, help, MetricType::COUNTER, metrics.collect())
}

/// What goes up and down.
pub(crate) fn gauge(name: &str, help: &str, metrics: Vec<(Vec<LabelPair>, f64)>) -> MetricFamily {
    let metrics = metrics.into_iter().map(|(labels, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(labels);
        metric.set_gauge(gauge);
        metric
    });
    family(name, help, MetricType::GAUGE, metrics.collect())
}

/// A gauge without labels.
pub(crate) fn plain_gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    gauge(name, help, vec![(Vec::new(), value)])
}

/// A label of a metric.
pub(crate) fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}
