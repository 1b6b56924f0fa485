//! A space with results for unit tests: that of scripts/search_oracle.py.

use super::domain::Domain;
use super::point::Point;
use super::space::{Parameter, Space};

/// Numbers and whole numbers on both scales, a choice, and a number that is active by it.
pub(super) fn space() -> Space {
    let domains = [
        Parameter::new("a", Domain::Uniform(-1.0, 3.0)),
        Parameter::new("b", Domain::LogUniform(1e-4, 1e-1)),
        Parameter::new("c", Domain::Int(1, 8)),
        Parameter::new("d", Domain::LogInt(16, 512)),
        Parameter::new("e", Domain::Choice(3)),
        Parameter::new("f", Domain::Uniform(0.0, 1.0)).when("e", &[1.0, 2.0]),
    ];
    Space::new(domains.to_vec()).unwrap()
}

/// Points from the `first` on, by fractions of multiples of roots, and what they are worth.
pub(super) fn results(first: usize, count: usize) -> Vec<(Point, f64)> {
    let space = space();
    let fraction = |i: usize, prime: f64| (i as f64 * prime.sqrt()).fract();
    let one = |i| {
        let unit = [2.0, 3.0, 5.0, 7.0, 11.0, 13.0].map(|prime| fraction(i, prime));
        let point = space.point(&unit);
        let chosen = if point.values()[4] == Some(1.0) { 0.2 } else { 0.0 };
        let value =
            -(unit[0] - 0.4) * (unit[0] - 0.4) - 0.5 * (unit[1] - 0.6) * (unit[1] - 0.6) + chosen + 0.1 * fraction(i, 17.0);
        (point, value)
    };
    (first..first + count).map(one).collect()
}

/// Without their values.
pub(super) fn points(first: usize, count: usize) -> Vec<Point> {
    results(first, count).into_iter().map(|(point, _)| point).collect()
}
