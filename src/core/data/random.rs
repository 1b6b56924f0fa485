//! Random numbers that depend on what they are for and on nothing else: not on threads, batches or what was drawn before.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generator for a purpose and its numbers (a seed, an epoch …).
pub(super) fn generator(purpose: &str, numbers: &[u64]) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key(purpose);
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Fisher-Yates; own code, so that it stays the same whatever the library does.
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for i in (1..items.len()).rev() {
        // u64, for usize draws differ between 32 and 64 bits.
        let j = rng.random_range(0..=i as u64) as usize;
        items.swap(i, j);
    }
}
