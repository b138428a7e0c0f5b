//! The configuration of a program, in layers: defaults, then a TOML file, then the environment, then flags. The later
//! layer wins, key by key.
//!
//! What can be set is a plain type that serde reads and writes (see [`Settings`]); the loader needs nothing else of it.
//! A key is a path such as `tables.url`; its variable is `AOPS_TABLES__URL`. A section with a key `engine` is an enum:
//! the other keys of the section belong to that engine, and a layer that names another engine drops what the layers
//! below have said of the section.
//!
//! Everything is checked before anything starts. A key that does not exist, or a value that does not fit, is told with
//! the place where it was set: the file and key, the variable, or the flag.
//!
//! | module | what it holds |
//! |---|---|
//! | `layer` | what one layer sets, and the layers merged |
//! | `read` | from merged keys to the type, with refusals that name the key |
//! | [`mod@print`] | the effective configuration as TOML, without secrets |
//! | [`mod@reference`] | all keys that a type has: the reference in `docs/` is checked against it |
//! | [`sections`] | sections that more than one program has |

mod error;
mod layer;
pub mod print;
mod read;
pub mod reference;
pub mod sections;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{ConfigError, Refusal};
pub use layer::Flag;
use layer::Leaves;
pub use print::without_passwords;

/// The key that names the engine of a section.
const ENGINE: &str = "engine";

/// What a program can be told.
///
/// Each struct in it refuses unknown keys (`#[serde(deny_unknown_fields)]`). A section with engines is an enum with
/// `#[serde(tag = "engine")]`; an engine without keys is written `Embedded {}`, since serde lets a unit variant take
/// every key.
pub trait Settings: Serialize + DeserializeOwned {
    /// Variables with a name of their own, and the keys that they set.
    const VARIABLES: &'static [(&'static str, &'static str)] = &[];

    /// Refuses what makes no sense, by key.
    fn check(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// Refuses files that cannot be used, by key. Apart from the other checks, since the configuration can be printed
    /// without its files.
    fn check_files(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The layers above the defaults.
#[derive(Default)]
pub struct Sources {
    /// A TOML file. Relative paths in it, in keys that end in `_file` or `_dir`, begin at its folder.
    pub file: Option<PathBuf>,
    /// Variables; those that do not begin with `AOPS_` are not looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// Flags that were given.
    pub flags: Vec<Flag>,
}

/// What was loaded.
pub struct Loaded<T> {
    /// The configuration.
    pub value: T,
    /// What looks like a mistake and was ignored, for the log.
    pub warnings: Vec<String>,
    leaves: Leaves,
}

impl<T: Settings> Loaded<T> {
    /// The effective configuration as TOML; behind each value, where it comes from.
    pub fn print(&self) -> String {
        print::text(&self.value, &self.leaves)
    }

    /// Refuses files that cannot be used, with the place where each was named.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        self.value.check_files().map_err(told(&self.leaves))
    }
}

/// Puts the layers on top of `defaults`, reads and checks the outcome.
pub fn load<T: Settings>(defaults: &T, sources: Sources) -> Result<Loaded<T>, ConfigError> {
    let mut leaves = Leaves::of_defaults(defaults);
    if let Some(file) = &sources.file {
        leaves.put_file(file)?;
    }
    leaves.put_environment(&sources.environment, T::VARIABLES)?;
    leaves.put_flags(sources.flags);
    let warnings = read::drop_strays::<T>(&mut leaves);
    read::find_types_of_texts::<T>(&mut leaves);
    let value: T = read::whole(&leaves)?;
    value.check().map_err(told(&leaves))?;
    Ok(Loaded {
        value,
        warnings,
        leaves,
    })
}

/// A refusal with where its key was set.
fn told(leaves: &Leaves) -> impl Fn(Refusal) -> ConfigError {
    |refusal| ConfigError::at(leaves.place(&refusal.key), refusal.reason)
}
