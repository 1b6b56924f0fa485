//! A configuration as the search knows it: one value per parameter, none where it is inactive.

/// Values in the order of a space's parameters: the number itself, or the index of a choice; `None` where a parameter is
/// inactive. Two equal points are the same configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Point(Vec<Option<f64>>);

impl Point {
    pub(super) fn new(values: Vec<Option<f64>>) -> Self {
        Self(values)
    }

    /// The values, one per parameter.
    pub fn values(&self) -> &[Option<f64>] {
        &self.0
    }

    /// The same for equal points alone, and with an order: bits of the values.
    pub fn key(&self) -> Vec<u64> {
        // No value is a NaN, as which these bits would be read. Adding 0 makes one zero of both.
        self.0.iter().map(|value| value.map_or(u64::MAX, |value| (value + 0.0).to_bits())).collect()
    }
}
