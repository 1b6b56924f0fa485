//! Random numbers without a state: each is a function of the search's seed, the name of a stream, a trial and an attempt, so
//! that no kill and no order of results changes one.

/// Numbers of one stream, evenly distributed in [0, 1): BLAKE3's extendable output of `"{seed}\n{stream}\n{trial}\n{attempt}"`,
/// eight bytes a number, little endian, the upper 53 bits of each.
#[derive(Debug, Clone)]
pub struct Stream(blake3::OutputReader);

impl Stream {
    /// The stream from its first number on.
    pub fn new(seed: u64, stream: &str, trial: usize, attempt: usize) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{seed}\n{stream}\n{trial}\n{attempt}").as_bytes());
        Self(hasher.finalize_xof())
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// The next number in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        // 53 bits, as many as the numbers from 0 to 1 have.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next `count` numbers in [0, 1).
    pub fn uniforms(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.uniform()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: BLAKE3 in plain Python (scripts/search_oracle.py, "stream").
    #[test]
    fn numbers_are_those_of_blake3() {
        let expected = [
            0.7595911984456026,
            0.5486314195088251,
            0.7624844798204979,
            0.5729608236045249,
            0.2904549202793688,
            0.1694959698711409,
            0.2767527679332623,
            0.07905500039989799,
            0.09566635646771193,
            0.7351126195733352,
        ];
        let found = Stream::new(7, "tpe", 12, 3).uniforms(10);
        assert_eq!(found, expected);
    }

    #[test]
    fn every_part_of_the_name_matters() {
        let first = |seed, stream, trial, attempt| Stream::new(seed, stream, trial, attempt).bits();
        let all = [first(1, "a", 0, 0), first(2, "a", 0, 0), first(1, "b", 0, 0), first(1, "a", 1, 0), first(1, "a", 0, 1)];
        assert!((0..all.len()).all(|i| (0..i).all(|j| all[i] != all[j])), "{all:?}");
    }
}
