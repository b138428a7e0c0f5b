//! How far back a rule reads, layer by layer, and how old a sample may be and still speak.

use crate::condition::{Window, WindowCall};
use crate::rule::Rule;

/// A sample speaks for this many scrape intervals when the rule does not say otherwise.
pub const DEFAULT_GAP_INTERVALS: i64 = 3;
/// … and at least for so long, in milliseconds.
pub const MIN_DEFAULT_GAP_MS: i64 = 15_000;

impl Rule {
    /// How old a sample of a series may be and still speak: it does at `u` if it lies in `(u − gap, u]`.
    pub(crate) fn gap_ms(&self, interval_ms: i64) -> i64 {
        self.max_gap_ms.unwrap_or_else(|| {
            interval_ms
                .saturating_mul(DEFAULT_GAP_INTERVALS)
                .max(MIN_DEFAULT_GAP_MS)
        })
    }

    /// How long before the window the condition must be evaluated: the newest sample before it may still speak, and
    /// its run may have begun as long ago as `for`, with one gap before that.
    pub(crate) fn judged_before_ms(&self, gap_ms: i64) -> i64 {
        if self.hold_ms == 0 {
            return gap_ms;
        }
        gap_ms.saturating_mul(2).saturating_add(self.hold_ms)
    }

    /// How long before the window samples of an item are read.
    pub(crate) fn item_look_back_ms(&self, item: usize, interval_ms: i64) -> i64 {
        let gap_ms = self.gap_ms(interval_ms);
        let calls = self.condition.calls.iter().filter(|call| call.item == item);
        // The newest sample that still speaks at the moment judged is read in any case.
        let read_ms = calls
            .map(|call| window_reach_ms(call, gap_ms))
            .fold(gap_ms, i64::max);
        // A transformed sample reads the one before it.
        let transform_ms = if self.data[item].transform.is_some() {
            gap_ms
        } else {
            0
        };
        self.judged_before_ms(gap_ms)
            .saturating_add(read_ms)
            .saturating_add(transform_ms)
    }
}

/// How long before the moment judged a call reads.
fn window_reach_ms(call: &WindowCall, gap_ms: i64) -> i64 {
    match call.window {
        Window::Time { ms } => ms.max(0),
        Window::Samples { count } => gap_ms.saturating_mul(i64::from(count)),
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
    }
}
