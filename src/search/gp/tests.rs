//! Values of the Gaussian process. Oracle: numpy.linalg and finite differences (scripts/search_oracle.py, "gp").

use super::super::example::{points, results, space};
use super::fit::Evidence;
use super::kernel::Kernel;
use super::*;

const THETA: [f64; 8] = [0.3, -0.5, 0.1, -1.0, 0.7, -2.0, 0.2, -3.0];

fn encoded(points: &[Point]) -> Vec<Vec<f64>> {
    points.iter().map(|point| space().encode(point)).collect()
}

fn values() -> Vec<f64> {
    standardized(&results(1, 18).into_iter().map(|(_, value)| value).collect::<Vec<_>>())
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    let far = |(a, b): (&f64, &f64)| (a - b).abs() > tolerance * b.abs().max(1.0);
    assert!(found.len() == expected.len() && !found.iter().zip(expected).any(far), "{found:?}\n{expected:?}");
}

#[test]
fn the_posterior_of_a_kernel_and_its_gradient_are_the_references() {
    let (space, y) = (space(), values());
    let (loss, gradient) = Evidence::new(&space, &encoded(&points(1, 18)), &y).loss(&THETA);
    close(&[loss], &[17.407898419587074], 1e-12);
    close(
        &gradient,
        &[
            -2.792194356615596,
            -1.9090998213719956,
            -0.38602115137198467,
            -1.3946441387716983,
            0.6217045632374388,
            -0.7469831301367691,
            -5.406245704068151,
            -3.0644029249572804,
        ],
        1e-8,
    );
}

/// Oracle: SciPy's L-BFGS-B on the same function; it ends at the same value after 30 and after 1000 steps.
#[test]
fn the_fit_ends_where_scipys_does() {
    let (space, y) = (space(), values());
    let evidence = Evidence::new(&space, &encoded(&points(1, 18)), &y);
    let Kernel { weights, scale, noise } = evidence.fit();
    let logs: Vec<f64> = weights.iter().chain(&[scale, noise - 1e-6]).map(|x| x.ln()).collect();
    let loss = evidence.loss(&logs).0;
    assert!((loss - 9.408432211065902).abs() < 1e-4, "{loss}");
}

#[test]
fn predictions_and_improvements_are_the_references() {
    let space = space();
    let model = Model::new(&space, Kernel::from_logs(&THETA), encoded(&points(1, 18)), values());
    let at = encoded(&points(40, 5));
    let (mean, variance): (Vec<f64>, Vec<f64>) = model.predict(&at).into_iter().unzip();
    close(&mean, &[0.4122650029484187, -1.4371808118802827, 0.4508035198502549, 0.1684787226536426, -0.18778044792386472], 1e-11);
    close(
        &variance,
        &[0.21257996375112231, 0.4262816982309844, 0.17980958469968678, 0.23430305068594326, 0.14800804428685477],
        1e-11,
    );
    close(&[model.best()], &[1.9714838814349376], 1e-11);
    let improvements: Vec<f64> =
        mean.iter().zip(&variance).map(|(m, v)| log_expected_improvement(*m, *v, model.best())).collect();
    close(
        &improvements,
        &[-10.057067937519967, -18.37738851425764, -10.950880955816286, -11.389613832543162, -21.161161777102954],
        1e-9,
    );
    let believed: Vec<f64> = model.believing(&at[..2]).predict(&at[2..]).into_iter().flat_map(|(m, v)| [m, v]).collect();
    close(
        &believed,
        &[
            0.45080351985025446,
            0.17951674772976434,
            0.1684787226536426,
            0.16503539862709915,
            -0.18778044792386606,
            0.1474687045416172,
        ],
        1e-11,
    );
}

#[test]
fn equal_values_and_equal_points_break_nothing() {
    let space = space();
    let point = points(1, 1).remove(0);
    let known: Vec<(Point, f64)> = (0..12).map(|_| (point.clone(), 0.5)).collect();
    assert!(propose(&space, 1, 12, &known, &[point.clone(), point], &|_| true).is_some());
}

/// A peak at a = 1, b = 0.003: after 25 results of other points the proposal is nearer to it than nine in ten random ones.
#[test]
fn a_proposal_is_near_the_peak() {
    let space = Space::new(vec![
        super::super::Parameter::new("a", super::super::Domain::Uniform(-1.0, 3.0)),
        super::super::Parameter::new("b", super::super::Domain::LogUniform(1e-4, 1e-1)),
    ])
    .unwrap();
    let height = |point: &Point| {
        let unit = space.encode(point);
        -(unit[0] - 0.5) * (unit[0] - 0.5) - (unit[1] - 0.49) * (unit[1] - 0.49)
    };
    let random = |trial| space.point(&Stream::new(9, "test", trial, 0).uniforms(2));
    let known: Vec<(Point, f64)> = (0..25).map(random).map(|point| (point.clone(), height(&point))).collect();
    let best = known.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let proposed = propose(&space, 1, 25, &known, &[], &|_| true).unwrap();
    assert!(height(&proposed) > best, "{proposed:?} {} {best}", height(&proposed));
}

#[test]
fn what_is_not_free_is_not_proposed() {
    let (space, known) = (space(), results(1, 20));
    let first = propose(&space, 1, 20, &known, &[], &|_| true).unwrap();
    let second = propose(&space, 1, 20, &known, &[], &|point| *point != first).unwrap();
    assert_ne!(first, second);
    assert_eq!(propose(&space, 1, 20, &known, &[], &|_| false), None);
}
