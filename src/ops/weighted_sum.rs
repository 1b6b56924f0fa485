//! A weighted sum of scalars: how terms become a loss.

use super::storage::{scalar, values};
use super::{Node, Tape};
use candle_core::{Result, bail};

/// `Σ weight · term`. A term of weight 0 gets no gradient.
///
/// # Shapes
/// Every term and the result are scalars.
///
/// # Errors
/// If a term is no scalar.
pub fn weighted_sum(tape: &Tape, terms: &[(f64, &Node)]) -> Result<Node> {
    let mut sum = 0.0;
    for (weight, term) in terms {
        if term.value().rank() != 0 {
            bail!("weighted_sum adds scalars, got {:?}", term.value().shape())
        }
        if *weight != 0.0 {
            sum += weight * f64::from(values(term.value())?[0]);
        }
    }
    let weights: Vec<f64> = terms.iter().map(|(weight, _)| *weight).collect();
    let nodes: Vec<&Node> = terms.iter().map(|(_, term)| *term).collect();
    Ok(tape.record(scalar(sum)?, &nodes, move |dy| {
        let dy = f64::from(values(&dy)?[0]);
        weights.iter().map(|w| if *w == 0.0 { Ok(None) } else { scalar(w * dy).map(Some) }).collect()
    }))
}
