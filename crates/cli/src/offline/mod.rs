//! Rules tested without a platform: what is read from files, what is said of them, and where.
//!
//! | module | what it does |
//! |---|---|
//! | `source` | a file's text, and where in it a byte lies |
//! | `diagnostic` | what is wrong and where, as a compiler shows it, or as JSON |
//! | `json` | the syntax tree of JSON, paths into it, places inside its strings |
//! | `field_names` | the fields that a type is read from, to suggest one |
//! | `rules_file` | rules with their places |
//! | `strict` | a rule read as a public route reads it |
//! | `named` | the value that a message names |
//! | `recording`, `written` | series of some hosts, from a file |
//! | `store` | answers for a host's series as the data center would |
//! | `trial` | rules judged on every host of a recording |

pub(crate) mod diagnostic;
mod field_names;
mod json;
mod named;
pub(crate) mod recording;
pub(crate) mod rules_file;
pub(crate) mod source;
mod store;
mod strict;
pub(crate) mod trial;
mod written;
