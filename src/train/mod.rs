//! Trains one run.

mod gradient;
mod lr_schedule;
mod optimizer;
mod rule;
