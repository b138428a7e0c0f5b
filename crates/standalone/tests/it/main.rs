//! Whole-platform scenarios: every service, embedded storage, real listeners.

mod bad_input;
mod configuration;
mod first_password;
mod kill;
mod main_job;
mod process;
