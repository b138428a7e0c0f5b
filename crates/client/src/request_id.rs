//! The id of the request or message that the current task works on.

use std::future::Future;

tokio::task_local! {
    static CURRENT: String;
}

/// Runs `work` under the id; every client call inside carries it.
pub async fn scope<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The id of the current task, if it has one.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}
