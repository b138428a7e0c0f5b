//! Why a collector could not read what it reads.

use std::io;
use std::path::PathBuf;

/// Why a collector could not read what it reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not as expected: {found:?}", path.display())]
    Format { path: PathBuf, found: String },
    #[error("procfs")]
    Procfs(#[from] procfs::ProcError),
}
