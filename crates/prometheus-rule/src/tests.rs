//! Tables of expressions, files and limits.

mod expressions;
mod files;
mod well_known;
