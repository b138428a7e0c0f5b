//! How long somebody waits for all requests of a call together.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::elasticsearch::ElasticsearchError;

/// An engine that gives documents at less than this rate is too slow to be waited for.
const SLOWEST_DOCUMENTS_PER_SECOND: u64 = 2_000;

/// Until when somebody waits. What arrives extends it: who asked for everything waits as long as it comes.
#[derive(Debug)]
pub(super) struct Patience {
    address: String,
    begun: Instant,
    until: Mutex<Instant>,
}

impl Patience {
    /// Begins now. The address is for the message.
    pub(super) fn new(address: String, limit: Duration) -> Self {
        let begun = Instant::now();
        Self {
            address,
            begun,
            until: Mutex::new(begun + limit),
        }
    }

    /// So many documents have arrived.
    pub(super) fn extend(&self, documents: u64) {
        let more = Duration::from_millis(documents.saturating_mul(1_000) / SLOWEST_DOCUMENTS_PER_SECOND);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) += more;
    }

    /// Work that is given up when the time is over.
    pub(super) async fn within<T, E: From<ElasticsearchError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut work = pin!(work);
        loop {
            let until = self.until();
            match timeout_at(until, &mut work).await {
                Ok(outcome) => return outcome,
                Err(_) if self.until() > until => {}
                Err(_) => return Err(self.over(until).into()),
            }
        }
    }

    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self, until: Instant) -> ElasticsearchError {
        ElasticsearchError::TimedOut {
            address: self.address.clone(),
            after: until - self.begun,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn what_arrives_extends_the_time() {
        let patience = Patience::new("address".to_owned(), LIMIT);
        let work = async {
            for _ in 0..3 {
                sleep(LIMIT * 3 / 4).await;
                patience.extend(SLOWEST_DOCUMENTS_PER_SECOND);
            }
            Ok::<_, ElasticsearchError>("all")
        };
        assert_eq!(patience.within(work).await.expect("whole"), "all");
    }

    #[tokio::test]
    async fn calls_in_a_row_share_the_time() {
        let patience = Patience::new("address".to_owned(), LIMIT);
        let error = patience
            .within(pending::<Result<(), ElasticsearchError>>())
            .await
            .expect_err("over");
        assert_eq!(
            error.to_string(),
            "Elasticsearch at address did not answer within 200ms: look at its load and its log"
        );
        let second = patience.within(async {
            sleep(LIMIT / 4).await;
            Ok::<_, ElasticsearchError>(())
        });
        assert!(second.await.is_err(), "nothing is left of it");
    }
}
