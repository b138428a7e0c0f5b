//! What Ansible reads: its vault format, and an inventory.
//!
//! | module | what it has |
//! |---|---|
//! | [`inventory()`] | the files of an inventory |
//! | `name` | names of groups and hosts that Ansible takes |
//! | [`vault`] | texts as `ansible-vault` encrypts them |
//! | `yaml` | texts that YAML reads as they are |

mod inventory;
mod name;
pub mod vault;
mod yaml;

pub use inventory::{InventoryHost, inventory};
