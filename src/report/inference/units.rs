//! From images to the units that are independent of each other.

use super::pooled::mean;

/// Means of the scores of each unit: `units[i]` is the unit of the i-th score, counted from 0 without gaps.
///
/// Images of one patient are alike; counted one by one they would pass for more evidence than they are. The mean of each patient
/// counts once, however many images there are.
pub fn means(scores: &[f64], units: &[usize]) -> Vec<f64> {
    let mut of_unit: Vec<Vec<f64>> = vec![Vec::new(); units.iter().max().map_or(0, |last| last + 1)];
    scores.iter().zip(units).for_each(|(score, unit)| of_unit[*unit].push(*score));
    of_unit.iter().map(|scores| mean(scores)).collect()
}
