//! The address of the user's machine that the current task works for.

use std::future::Future;

tokio::task_local! {
    static CURRENT: String;
}

/// Runs `work` for a machine at this address; every client call inside carries it.
pub async fn scope<F: Future>(address: String, work: F) -> F::Output {
    CURRENT.scope(address, work).await
}

/// The address, if the current task works for somebody.
pub fn current() -> Option<String> {
    CURRENT
        .try_with(Clone::clone)
        .ok()
        .filter(|address| !address.is_empty())
}
