//! Samples: sources, decoding, cache, split, augmentation, batches.
