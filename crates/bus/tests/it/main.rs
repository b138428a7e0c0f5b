//! The message bus: one contract on every engine, and what each promises beyond it.

mod backend;
mod contract;
mod embedded;
mod kafka;
mod outage;
