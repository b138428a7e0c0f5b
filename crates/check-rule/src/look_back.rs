//! How far back a rule reads, layer by layer, and how old a sample may be and still speak.

use crate::condition::{Back, Function, Window};
use crate::rule::Rule;

/// A sample speaks for this many scrape intervals when the rule does not say otherwise.
pub const DEFAULT_GAP_INTERVALS: i64 = 3;
/// … and at least for so long, in milliseconds.
pub const MIN_DEFAULT_GAP_MS: i64 = 15_000;

/// How old a sample of a series may be and still speak: it does at `u` if it lies in `(u − gap, u]`.
pub(crate) fn gap_ms(max_gap_ms: Option<i64>, interval_ms: i64) -> i64 {
    max_gap_ms.unwrap_or_else(|| {
        interval_ms
            .saturating_mul(DEFAULT_GAP_INTERVALS)
            .max(MIN_DEFAULT_GAP_MS)
    })
}

impl Rule {
    pub(crate) fn gap_ms(&self, interval_ms: i64) -> i64 {
        gap_ms(self.max_gap_ms, interval_ms)
    }

    /// How long before the window the condition must be evaluated, when a sample speaks for up to `speaks_ms`: the newest
    /// one before it may still speak, and its run may have begun as long ago as `for`, with one gap before that.
    pub(crate) fn judged_before_ms(&self, gap_ms: i64, speaks_ms: i64) -> i64 {
        if self.hold_ms == 0 {
            return speaks_ms;
        }
        gap_ms.saturating_add(speaks_ms).saturating_add(self.hold_ms)
    }

    /// How long before the window samples of an item are read.
    pub(crate) fn item_look_back_ms(&self, item: usize, interval_ms: i64) -> i64 {
        let gap_ms = self.gap_ms(interval_ms);
        let calls = self.condition.calls.iter().filter(|call| call.item == item);
        // The newest sample that still speaks at the moment judged is read in any case.
        let read_ms = calls
            .map(|call| reach_ms(&call.function, gap_ms))
            .fold(gap_ms, i64::max);
        let data = &self.data[item];
        // A transformed sample reads the one before it, an aggregated one those that still speak.
        let layers = i64::from(data.transform.is_some()) + i64::from(data.aggregate.is_some());
        let speaks_ms = if self.data[0].is_log() {
            gap_ms.max(interval_ms)
        } else {
            gap_ms
        };
        self.judged_before_ms(gap_ms, speaks_ms)
            .saturating_add(read_ms)
            .saturating_add(gap_ms.saturating_mul(layers))
    }
}

/// How long before the moment judged a function reads.
fn reach_ms(function: &Function, gap_ms: i64) -> i64 {
    match function {
        Function::Aggregate { window, .. }
        | Function::Count { window, .. }
        | Function::Predict { window, .. } => match window {
            Window::Time { ms } => (*ms).max(0),
            Window::Samples { count } => gap_ms.saturating_mul(i64::from(*count)),
        },
        Function::Compare { back, .. } => match back {
            Back::Time { ms } => ms.saturating_add(gap_ms),
            Back::Samples { count } => gap_ms.saturating_mul(i64::from(*count) + 1),
        },
        Function::Keyword { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::Rule;

    fn look_back_s(condition: &str, more: &str) -> i64 {
        let text = format!(
            r#"{{"check_item":"a","data_list":[{{"name":"m"}},{{"name":"n","transform":"rate"}}],"condition":"{condition}"{more}}}"#
        );
        let item = serde_json::from_str(&text).expect("a check item");
        let rule = Rule::compile(&item).expect("a good rule");
        assert_eq!(rule.look_back_ms(15_000) % 1_000, 0);
        rule.look_back_ms(15_000) / 1_000
    }

    #[test]
    fn layers_add_up() {
        // The last sample that speaks (45) and, for $1, its newest sample (45) and that one's predecessor (45).
        assert_eq!(look_back_s("$0>1", ""), 135);
        assert_eq!(look_back_s("max(600s)>1", ""), 645);
        assert_eq!(look_back_s("max(#10)>1", ""), 495);
        assert_eq!(look_back_s("$1.avg(600s)>1", ""), 690);
        assert_eq!(look_back_s("$0>1", r#","max_gap":"10s""#), 30);
        assert_eq!(look_back_s("$0>1", r#","for":"5m""#), 135 + 300 + 45);
        assert_eq!(look_back_s("max(600s)>1", r#","for":"5m""#), 645 + 300 + 45);
        assert_eq!(look_back_s("max(-1)>1", ""), 135);
        assert_eq!(look_back_s("change(#10)>1", ""), 45 + 11 * 45);
        assert_eq!(look_back_s("change(10m)>1", ""), 45 + 600 + 45);
        assert_eq!(look_back_s("count(10m, 1, '>')>1", ""), 645);
        assert_eq!(look_back_s("predict(1h, 4h)>1", ""), 3645);
        assert_eq!(look_back_s("keyword('a')", ""), 135);
    }
}
