//! Answers of searches, and whether they are whole.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Cause, ElasticsearchError};

/// The answer of `_search`.
#[derive(Clone, Debug, Deserialize)]
pub struct SearchAnswer<Source> {
    /// Whether the search gave up before it had seen everything.
    #[serde(default)]
    pub timed_out: bool,
    /// How many shards answered.
    #[serde(rename = "_shards", default)]
    pub shards: Shards,
    /// What was found.
    pub hits: Hits<Source>,
    /// What was counted, as it was asked for.
    #[serde(default)]
    pub aggregations: Value,
    /// The point in time that was searched, under its newest name.
    pub pit_id: Option<String>,
}

/// How many shards answered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Shards {
    /// Those that did not.
    pub failed: u64,
    /// Why, of some of them.
    pub failures: Vec<Value>,
}

/// What was found.
#[derive(Clone, Debug, Deserialize)]
pub struct Hits<Source> {
    /// How much there is; absent when it was not asked for.
    pub total: Option<Total>,
    /// The page.
    pub hits: Vec<Hit<Source>>,
}

/// How much was found.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Total {
    /// Exact, with `track_total_hits`.
    pub value: u64,
}

/// One document.
#[derive(Clone, Debug, Deserialize)]
pub struct Hit<Source> {
    /// Where it lies.
    #[serde(rename = "_index")]
    pub index: String,
    /// Its id.
    #[serde(rename = "_id")]
    pub id: String,
    /// What was stored; absent with `"_source": false`.
    #[serde(rename = "_source")]
    pub source: Option<Source>,
    /// The values of the `fields` that were asked for, by name.
    #[serde(default)]
    pub fields: BTreeMap<String, Vec<Value>>,
    /// Where it stands in the order, for `search_after`.
    #[serde(default)]
    pub sort: Vec<Value>,
}

impl<Source> SearchAnswer<Source> {
    /// Refuses an answer that is only a part: nobody could tell it from the whole.
    pub(super) fn check_whole(self, address: &str) -> Result<Self, ElasticsearchError> {
        if self.shards.failed == 0 && !self.timed_out {
            return Ok(self);
        }
        let reason = match self.shards.failures.first() {
            Some(failure) => Cause::read(503, &failure["reason"]).to_string(),
            None if self.timed_out => "the search gave up half-way".to_owned(),
            None => "no reason given".to_owned(),
        };
        Err(ElasticsearchError::Unavailable {
            address: address.to_owned(),
            cause: Cause {
                status: 503,
                kind: "partial_answer".to_owned(),
                reason: format!("{} shards failed: {reason}", self.shards.failed),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_an_answer_is_an_error() {
        let read = |answer: Value| {
            let answer: SearchAnswer<Value> = serde_json::from_value(answer).expect("an answer");
            answer.check_whole("http://a")
        };
        let whole = json!({"timed_out": false, "_shards": {"failed": 0}, "hits": {"hits": []}});
        read(whole).expect("whole");
        let half = json!({
            "timed_out": false, "hits": {"hits": []},
            "_shards": {"failed": 1, "failures": [{"reason": {"type": "x_exception", "reason": "disk gone"}}]},
        });
        let error = read(half).expect_err("half").to_string();
        assert!(
            error.contains("1 shards failed: x_exception: disk gone"),
            "{error}"
        );
        let given_up = json!({"timed_out": true, "_shards": {"failed": 0}, "hits": {"hits": []}});
        assert!(read(given_up).is_err());
    }
}
