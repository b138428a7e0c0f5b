//! What must hold over the whole workspace.

mod dependency_rule;
