//! Samples: sources, decoding, cache, split, augmentation, batches.

pub mod synthetic;
