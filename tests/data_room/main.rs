//! The `data` room from outside: small trees of files that the tests write, opened, split and batched.

mod annotations;
mod batches;
mod caching;
mod errors;
mod formats;
mod layouts;
mod masks;
mod patches;
mod real;
mod splits;
mod tree;
