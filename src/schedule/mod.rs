//! Which run executes when.
