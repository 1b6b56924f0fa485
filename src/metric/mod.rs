//! Scores and what they mean.
