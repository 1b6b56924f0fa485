//! Hyperparameter searches by the whole program: the same history on any number of slots, after every kill, and with more trials.

mod desk;
mod history;
mod paused;
mod refused;
mod trouble;
