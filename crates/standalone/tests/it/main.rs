//! Whole-platform scenarios: every service, real listeners, on embedded storage and on real engines.

mod bad_input;
mod configuration;
mod first_password;
mod kill;
mod logs;
mod main_job;
mod outages;
mod process;
mod readiness;
mod steps;

/// Runs each scenario on embedded storage and on real engines, unchanged.
macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&aops_test_platform::Engines::embedded()).await;
            })*
        }
        mod on_engines {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(engines) = aops_test_platform::Engines::real().await {
                    super::$name(&engines).await;
                    engines.remove().await;
                }
            })*
        }
    };
}
pub(crate) use scenarios;
