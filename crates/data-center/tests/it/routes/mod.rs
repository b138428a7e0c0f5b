//! `/data` through the real router, with the client that the services use.

mod account;
pub(crate) mod check;
mod data;
mod diag;
mod manage;
mod process;
