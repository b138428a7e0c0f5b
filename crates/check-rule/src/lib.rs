//! Check rules: from the text of a rule to verdicts over time.
//!
//! [`Rule::compile`] reads and validates a rule, and gives it the [key](aops_api::EvaluationKey) that equal rules share.
//! [`FetchPlan::new`] says which series some rules need to judge a window; [`FetchPlan::judge`] judges one rule on one
//! host over what was fetched ([`SeriesSet`]).
//!
//! A verdict is a function of time: of one host and label set, the state at an instant `u` is the verdict at the newest
//! sample of `$0` in `(u − max_gap, u]`. All that is read for it lies at or before that sample and within a look-back
//! that the rule alone fixes, so the outcome does not depend on how time was cut into windows.
//!
//! The crate is pure: no clock, no file, no network. Neighbours: `check-scheduler` compiles imported rules, the two
//! executors plan, fetch from `data-center` and judge, the `aops` command will test rules offline. It sends and takes no
//! messages.
//!
//! | module | what it does |
//! |---|---|
//! | `condition` | reads a condition; its tree, its printed form, its values |
//! | `value`, `operation`, `sample` | values, what operators do with them, what samples are worth |
//! | `program` | a condition over numbers as a flat list of steps |
//! | `rule`, `validation`, `warning`, `key` | a compiled rule, what is refused, what looks wrong, what two equal rules have in common |
//! | `label` | which series an item means, starred labels, joins |
//! | `plan`, `look_back` | what to fetch, from when |
//! | `series_set`, `stream`, `item_series` | what was fetched, by host; transformed and aggregated; as a rule reads it |
//! | `window`, `exact_sum`, `function` | functions over samples: kept from sample to sample, or computed each time |
//! | `moment` | the condition at the time of one sample |
//! | `walk`, `timeline`, `judge` | from verdicts at samples to findings over time |
//! | `host_state`, `memory` | what is known of a host while it is judged, and carried to the next window |
//! | `explanation`, `explain` | margins and values that say why; any verdict explained |

mod condition;
mod error;
mod exact_sum;
mod explain;
mod explanation;
mod function;
mod host_state;
mod item_series;
mod judge;
mod key;
mod label;
mod look_back;
mod memory;
mod moment;
mod operation;
mod plan;
mod program;
mod rule;
mod sample;
mod series_set;
mod stream;
mod timeline;
mod validation;
mod value;
mod walk;
mod warning;
mod window;

pub use condition::{
    MAX_AHEAD_MS, MAX_CALLS, MAX_CONDITION_BYTES, MAX_NESTING, MAX_PAIRS, MAX_WINDOW_MS, MAX_WINDOW_SAMPLES,
};
pub use error::{RuleError, RuleWarning};
pub use explain::MAX_EXPLAINED_SAMPLES;
pub use explanation::MAX_EXPLAINED_VALUES;
pub use judge::{MAX_LABEL_SETS, MAX_MATCHING_SERIES};
pub use look_back::{DEFAULT_GAP_INTERVALS, MIN_DEFAULT_GAP_MS};
pub use memory::{ContinuedPlan, Memory};
pub use plan::FetchPlan;
pub use rule::{EXPRESSION_PLUGIN, Rule};
pub use series_set::SeriesSet;
pub use validation::{
    MAX_DATA_ITEMS, MAX_FOR_MS, MAX_GAP_MS, MAX_LABELS, MAX_METRIC_CHARACTERS, MAX_NAME_CHARACTERS,
    MAX_PATTERN_CHARACTERS, MIN_GAP_MS,
};
pub use value::MAX_TEXT_BYTES;
