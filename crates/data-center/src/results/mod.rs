//! Results: findings as users see them.
//!
//! Results are read from the document store, which the outbox feeds; whose rule found them is joined here. A result
//! appears once for each rule of the caller that points to its key, or did so at its time. `plan` decides which
//! documents those are, `read` asks for them, `row` makes rows of them.

mod document;
mod plan;
mod read;
mod row;

pub use document::{RESULT_KIND, ResultDocument};
pub use plan::{Clause, Layers, layers};
pub use read::{ResultFilter, count_results, read_results};
pub use row::rows_of;
