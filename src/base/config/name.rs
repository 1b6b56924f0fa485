//! What experiments and classes may be called.

/// What a name is made of that becomes part of a path or a column.
pub(super) const NAME: &str = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$";
