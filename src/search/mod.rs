//! Which configuration shall be tried next? Proposals of a hyperparameter search, as a pure function of its settings, of the jobs
//! so far and of those results that the next job may see. Knows no file, no run and no configuration: only numbers.
//!
//! So a search's history does not depend on how many jobs run at a time, in what order they end, or how often the search is
//! killed and started again; more trials extend it. For that all arithmetic is f64 with `libm`, sums are in the order of indices,
//! ties go to the lower index, random numbers have no state ([`Stream`]), and a virtual [`Clock`] says who sees what:
//!
//! ```text
//! for m in 0..:
//!     seen   = results of clock.sees()         wait until all of them are there
//!     job[m] = proposer.propose(job[..m], seen)
//!     clock.push(predicted cost of job[m])
//! ```
//!
//! After it [`confirm()`] names one of the best by runs with fresh seeds.

mod board;
mod clock;
mod confirm;
mod domain;
mod draw;
#[cfg(test)]
mod example;
mod gp;
mod halving;
mod idle;
mod normal;
mod point;
mod proposer;
mod score;
mod sobol;
mod space;
mod stream;
mod tpe;

pub use board::Job;
pub use clock::Clock;
pub use confirm::{LAST, Step, confirm, default_top, expected, fresh_seeds};
pub use domain::Domain;
pub use halving::{FEWEST_STEPS, Rungs, rung_score};
pub use idle::idle;
pub use point::Point;
pub use proposer::{Exhausted, Importance, Proposer, Sampler, is_modelled};
pub use score::{Score, ranked};
pub use sobol::sobol;
pub use space::{Condition, MOST_PARAMETERS, Parameter, Space, SpaceError};
pub use stream::Stream;

/// Raised whenever proposals change: a history of another version cannot be continued.
pub const SEARCH_VERSION: u32 = 1;
