//! Domains, conditions, and points.

use super::super::example;
use super::*;

fn one(domain: Domain) -> Space {
    Space::new(vec![Parameter::new("x", domain)]).unwrap()
}

fn values(domain: Domain, units: &[f64]) -> Vec<f64> {
    units.iter().map(|unit| one(domain).point(&[*unit]).values()[0].unwrap()).collect()
}

const ENDS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0 - f64::EPSILON];

/// By hand: evenly spread numbers, powers of ten, whole numbers of equal cells, the geometric mean of 15.5 and 512.5.
#[test]
fn coordinates_become_values() {
    assert_eq!(values(Domain::Uniform(-1.0, 3.0), &ENDS), [-1.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!(values(Domain::LogUniform(1e-4, 1.0), &ENDS), [1e-4, 1e-3, 1e-2, 0.1, 1.0]);
    assert_eq!(values(Domain::Int(-1, 2), &ENDS), [-1.0, 0.0, 1.0, 2.0, 2.0]);
    assert_eq!(values(Domain::LogInt(16, 512), &ENDS), [16.0, 37.0, 89.0, 214.0, 512.0]);
    assert_eq!(values(Domain::Ordered(4), &ENDS), [0.0, 1.0, 2.0, 3.0, 3.0]);
    assert_eq!(values(Domain::Choice(3), &ENDS), [0.0, 0.0, 1.0, 2.0, 2.0]);
}

#[test]
fn numbers_have_four_digits_but_stay_within() {
    assert_eq!(values(Domain::Uniform(0.0, 1.0), &[0.123_456_789]), [0.1235]);
    assert_eq!(values(Domain::Uniform(0.333_333, 0.333_334), &[0.5]), [0.333_333], "rounded it would be 0.3333");
}

#[test]
fn values_become_coordinates_again() {
    for domain in [
        Domain::Uniform(-1.0, 3.0),
        Domain::LogUniform(1e-4, 1.0),
        Domain::Int(-5, 20),
        Domain::LogInt(1, 99),
        Domain::Ordered(7),
    ] {
        let space = one(domain);
        for step in 0..50 {
            let point = space.point(&[f64::from(step) / 50.0]);
            let again = space.point(&space.encode(&point));
            assert_eq!(again, point, "{domain:?}");
        }
    }
}

#[test]
fn what_is_inactive_has_no_value() {
    let space = example::space();
    let off = space.point(&[0.5, 0.5, 0.5, 0.5, 0.1, 0.9]);
    assert_eq!((off.values()[4], off.values()[5], space.encode(&off)[5]), (Some(0.0), None, 0.5));
    let on = space.point(&[0.5, 0.5, 0.5, 0.5, 0.9, 0.9]);
    assert_eq!((on.values()[4], on.values()[5]), (Some(2.0), Some(0.9)));
    let same = space.point(&[0.5, 0.5, 0.5, 0.5, 0.1, 0.3]);
    assert_eq!(off.key(), same.key(), "they differ in nothing that is trained");
}

#[test]
fn a_neighbour_sets_and_unsets_what_is_active_by_it() {
    let space = example::space();
    let off = space.point(&[0.5, 0.5, 0.5, 0.5, 0.1, 0.9]);
    let around = space.neighbours(&off);
    let switched: Vec<_> = around.iter().filter(|point| point.values()[4] != Some(0.0)).map(|point| point.values()[5]).collect();
    assert_eq!(switched, [Some(0.5), Some(0.5)]);
    let on = space.point(&[0.5, 0.5, 0.5, 0.5, 0.9, 0.9]);
    let changes = |a: &Point, b: &Point| a.values()[..5].iter().zip(&b.values()[..5]).filter(|(a, b)| a != b).count();
    for point in space.neighbours(&on) {
        assert_eq!(point.values()[5].is_none(), point.values()[4] == Some(0.0));
        assert_eq!(changes(&on, &point) + usize::from(changes(&on, &point) == 0), 1, "{point:?}");
        assert_ne!(point, on);
    }
}

/// A chain: c by b, b by a; names sort children before parents in the second space.
#[test]
fn activity_goes_down_a_chain_in_any_order() {
    for names in [["a", "b", "c"], ["z", "y", "x"]] {
        let [a, b, c] = names;
        let chain = vec![
            Parameter::new(c, Domain::Uniform(0.0, 1.0)).when(b, &[1.0]),
            Parameter::new(a, Domain::Choice(2)),
            Parameter::new(b, Domain::Choice(2)).when(a, &[1.0]),
        ];
        let space = Space::new(chain).unwrap();
        let at = |name: &str| space.parameters().iter().position(|p| p.name == name).unwrap();
        let mut unit = [0.9; 3];
        assert!(space.point(&unit).values().iter().all(Option::is_some));
        unit[at(a)] = 0.1;
        let point = space.point(&unit);
        assert_eq!((point.values()[at(a)], point.values()[at(b)], point.values()[at(c)]), (Some(0.0), None, None));
    }
}

#[test]
fn large_domains_have_few_neighbours() {
    let near = |domain: Domain, value: f64| domain.near(value);
    assert_eq!(near(Domain::Int(0, 12), 0.0).len(), 12);
    assert_eq!(near(Domain::Choice(40), 7.0).len(), 39);
    let whole = near(Domain::LogInt(1, i64::pow(2, 53)), 1000.0);
    assert!(whole.len() == 14 && whole.contains(&996.0) && whole[0] < 100.0, "{whole:?}");
    assert_eq!(near(Domain::Uniform(0.0, 1.0), 0.0), [0.01, 0.03, 0.1]);
}

#[test]
fn a_countable_space_can_be_gone_through() {
    let space = Space::new(vec![Parameter::new("a", Domain::Int(3, 5)), Parameter::new("b", Domain::Choice(2))]).unwrap();
    let mut keys: Vec<_> = space.every().unwrap().map(|point| point.key()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 6);
    assert!(one(Domain::Uniform(0.0, 1.0)).every().is_none() && one(Domain::Int(0, i64::pow(10, 7))).every().is_none());
}

#[test]
fn the_order_of_writing_does_not_matter() {
    let [a, b] = ["a", "b"].map(|name| Parameter::new(name, Domain::Choice(2)));
    assert_eq!(Space::new(vec![a.clone(), b.clone()]), Space::new(vec![b, a]));
}

#[test]
fn bad_spaces_are_refused_with_the_remedy() {
    let text = |parameters: Vec<Parameter>| Space::new(parameters).unwrap_err().to_string();
    let x = |domain| vec![Parameter::new("x", domain)];
    assert_eq!(text(vec![]), "a search needs at least one parameter");
    assert_eq!(
        text(x(Domain::Uniform(1.0, 1.0))),
        "x: [1, 1] has no numbers between; give a finite lower and a larger upper bound"
    );
    assert_eq!(text(x(Domain::LogUniform(0.0, 1.0))), "x: the logarithm of 0 does not exist; begin above 0");
    assert_eq!(text(x(Domain::LogInt(0, 4))), "x: a logarithmic scale cannot begin at 0; begin at 1 or above");
    assert_eq!(text(x(Domain::Int(2, 1))), "x: [2, 1] has no whole numbers; give the lower bound first");
    assert_eq!(text(x(Domain::Int(0, i64::MAX))), "x: [0, 9223372036854775807] goes beyond ±2^53; give narrower bounds");
    assert_eq!(text(x(Domain::Choice(0))), "x: there is nothing to choose from; give at least one value");
    assert!(text(x(Domain::Uniform(0.0, f64::NAN))).starts_with("x: [0, NaN] has no numbers"));
    let a = || Parameter::new("a", Domain::Choice(2));
    assert_eq!(text(vec![a(), a()]), "a is searched twice; give one domain for it");
    assert_eq!(text(vec![a().when("q", &[0.0])]), "a is active by q, which is not searched; name a searched parameter");
    let b = |values: &[f64]| Parameter::new("b", Domain::Choice(2)).when("a", values);
    let none = |value| {
        format!("b is active where a is {value}, which is none of its values; name whole numbers or choices of its domain")
    };
    assert_eq!(text(vec![a(), b(&[2.0])]), none("2"));
    assert_eq!(text(vec![a(), b(&[])]), none("nothing"));
    assert_eq!(text(vec![Parameter::new("a", Domain::Uniform(0.0, 1.0)), b(&[0.5])]), none("0.5"));
    let circle = text(vec![a().when("b", &[0.0]), b(&[1.0])]);
    assert_eq!(circle, "a is active by itself, over other parameters; remove one of their conditions");
    let many = (0..65).map(|at| Parameter::new(&format!("p{at}"), Domain::Choice(2))).collect();
    assert_eq!(text(many), "65 parameters are searched, at most 64 can be; give some a fixed value");
}
