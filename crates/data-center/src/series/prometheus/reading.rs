//! What is kept of an answer, and how much of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aops_api::{HostId, Labels};

use super::ask::{AskError, Failure, Flavour};
use super::decode::Element;
use super::fetch::{Fetch, Query};
use super::plan::Question;
use crate::series::{HOST, METRIC_NAME};

/// A series that was read, and for whom.
pub(super) struct Read {
    pub(super) question: Arc<Question>,
    pub(super) host_id: HostId,
    /// Without name and host.
    pub(super) labels: Labels,
    pub(super) times_ms: Vec<i64>,
    pub(super) values: Vec<f64>,
}

/// What of one query was read so far.
pub(super) struct Reading<'query> {
    fetch: &'query Fetch,
    question: &'query Arc<Question>,
    label: &'static str,
    owners: HashMap<&'query str, Vec<&'query HostId>>,
    pub(super) series: Vec<Read>,
    pub(super) samples: u64,
}

impl<'query> Reading<'query> {
    pub(super) fn new(fetch: &'query Fetch, query: &'query Query) -> Self {
        Self {
            fetch,
            question: &query.question,
            label: query.whose.label(),
            owners: query.whose.owners(),
            series: Vec::new(),
            samples: 0,
        }
    }

    /// Keeps of a series what a selector may need.
    pub(super) fn take(&mut self, element: Element, flavour: Flavour) -> Result<(), AskError> {
        let Element {
            mut labels,
            mut times_ms,
            mut values,
        } = element;
        labels.remove(METRIC_NAME);
        let host = labels.remove(HOST);
        let owner = match self.label {
            HOST => host.as_deref(),
            label => labels.get(label).map(String::as_str),
        };
        let Some(owners) = owner.and_then(|owner| self.owners.get(owner)) else {
            return Ok(());
        };
        let is_needed = |host_id: &HostId| {
            let numbers = &self.question.selectors;
            numbers
                .iter()
                .any(|number| self.fetch.selectors[*number].matches(host_id, &labels))
        };
        let owners: Vec<HostId> = owners
            .iter()
            .filter(|host_id| is_needed(host_id))
            .map(|host_id| (*host_id).clone())
            .collect();
        if owners.is_empty() {
            return Ok(());
        }
        keep_samples(&mut times_ms, &mut values, flavour);
        self.count(times_ms.len() as u64 * owners.len() as u64, owners.len())?;
        for host_id in owners {
            self.series.push(Read {
                question: Arc::clone(self.question),
                host_id,
                labels: labels.clone(),
                times_ms: times_ms.clone(),
                values: values.clone(),
            });
        }
        Ok(())
    }

    fn count(&mut self, samples: u64, series: usize) -> Result<(), AskError> {
        self.samples += samples;
        let held = self.fetch.held.fetch_add(samples, Ordering::Relaxed) + samples;
        let config = &self.fetch.shared.config;
        let options = &self.fetch.shared.options;
        let too_much = |number: u64, what: &str| {
            Err(AskError {
                kind: Failure::TooMuch,
                reason: format!("more than {number} {what}"),
            })
        };
        if self.samples > config.maximum_samples_per_query {
            return too_much(config.maximum_samples_per_query, "samples match on one host");
        }
        if self.series.len() + series > config.maximum_series_per_query {
            return too_much(config.maximum_series_per_query as u64, "series match on one host");
        }
        // What selectors share is held once, so this is only the bound of memory; the limit is applied selector by
        // selector, once all is known.
        let bound = options
            .maximum_samples_per_answer
            .saturating_add(options.maximum_samples_per_selector);
        if held > bound {
            return Err(AskError {
                kind: Failure::Refused,
                reason: format!(
                    "the answer would hold more than the limit of {} samples",
                    options.maximum_samples_per_answer
                ),
            });
        }
        Ok(())
    }
}

/// Leaves marks of the end of a series aside, and makes room that is not needed free.
fn keep_samples(times_ms: &mut Vec<i64>, values: &mut Vec<f64>, flavour: Flavour) {
    if flavour == Flavour::VictoriaMetrics && values.iter().any(|value| value.is_nan()) {
        let mut kept = values.iter().map(|value| !value.is_nan());
        times_ms.retain(|_| kept.next().unwrap_or(true));
        values.retain(|value| !value.is_nan());
    }
    times_ms.shrink_to_fit();
    values.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_an_end_are_no_samples() {
        let (mut times_ms, mut values) = (vec![1, 2, 3], vec![1.0, f64::NAN, 3.0]);
        keep_samples(&mut times_ms, &mut values, Flavour::Prometheus);
        assert_eq!(times_ms, [1, 2, 3]);
        keep_samples(&mut times_ms, &mut values, Flavour::VictoriaMetrics);
        assert_eq!((times_ms, values), (vec![1, 3], vec![1.0, 3.0]));
    }
}
