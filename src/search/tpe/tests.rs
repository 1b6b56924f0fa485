//! Densities and proposals. Oracle: tables of probabilities in NumPy (scripts/search_oracle.py, "tpe").

use super::super::example::{points, results, space};
use super::*;

fn close(found: &[f64], expected: &[f64]) {
    let far = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-10 * b.abs().max(1.0);
    assert!(found.len() == expected.len() && !found.iter().zip(expected).any(far), "{found:?}\n{expected:?}");
}

fn densities(count: usize) -> Vec<f64> {
    let (space, known) = (space(), points(1, count));
    let estimate = Parzen::new(&space, &known.iter().collect::<Vec<_>>());
    points(60, 4).iter().map(|point| estimate.log_density(point)).collect()
}

/// Among the 43 are older ones than the newest 25, equal whole numbers, and some without the conditional parameter.
#[test]
fn densities_are_the_references() {
    close(&densities(43), &[-13.941079685678176, -13.467332812725006, -11.385616683078327, -13.70700555511403]);
    close(
        &[densities(2), densities(1)].concat(),
        &[
            -10.497177049134349,
            -9.111512582221264,
            -7.138545716449752,
            -11.233011120270977,
            -10.512184989472505,
            -9.431637269214281,
            -8.171735247541157,
            -10.510397432717534,
        ],
    );
}

#[test]
fn proposals_are_the_references() {
    let (space, known, pending) = (space(), results(1, 43), points(60, 4));
    let expected = [
        [Some(0.4433), Some(0.02273), Some(1.0), Some(44.0), Some(1.0), Some(0.2499)],
        [Some(0.8766), Some(0.03186), Some(2.0), Some(26.0), Some(1.0), Some(0.1199)],
        [Some(0.9971), Some(0.07158), Some(1.0), Some(34.0), Some(1.0), Some(0.3901)],
    ];
    let mut taken: Vec<Point> = Vec::new();
    for values in expected {
        let found = propose(&space, 3, 47, &known, &pending, &|point| !taken.contains(point)).unwrap();
        assert_eq!(found.values(), values);
        taken.push(found);
    }
}

#[test]
fn no_free_candidate_is_no_proposal() {
    assert_eq!(propose(&space(), 3, 47, &results(1, 12), &[], &|_| false), None);
}
