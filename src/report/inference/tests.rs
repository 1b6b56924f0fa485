use super::super::means;
use super::*;

const A: [[f64; 8]; 3] = [
    [0.81, 0.79, 0.90, 0.62, 0.75, 0.88, 0.93, 0.70],
    [0.83, 0.80, 0.91, 0.66, 0.74, 0.90, 0.92, 0.73],
    [0.79, 0.77, 0.88, 0.60, 0.76, 0.87, 0.91, 0.69],
];
const B: [[f64; 8]; 3] = [
    [0.80, 0.75, 0.89, 0.55, 0.76, 0.86, 0.92, 0.66],
    [0.79, 0.78, 0.90, 0.58, 0.71, 0.87, 0.90, 0.70],
    [0.78, 0.76, 0.87, 0.57, 0.72, 0.88, 0.89, 0.64],
];
const C: [[f64; 8]; 2] = [[0.70, 0.71, 0.85, 0.50, 0.69, 0.80, 0.84, 0.66], [0.72, 0.69, 0.83, 0.53, 0.66, 0.82, 0.86, 0.61]];

fn rows(of: &[[f64; 8]]) -> Vec<Vec<f64>> {
    of.iter().map(|row| row.to_vec()).collect()
}

fn decided(groups: &[Vec<Vec<f64>>], overlap: f64) -> Vec<Difference> {
    decide(&[Pooled::of(groups, overlap).expect("a complete table")]).remove(0)
}

/// Difference, interval, p and p by Holm of each pair.
fn assert_pairs(found: &[Difference], expected: &[(f64, f64, f64, f64, f64)]) {
    assert_eq!(found.len(), expected.len());
    for (pair, (value, low, high, p, p_holm)) in found.iter().zip(expected) {
        let close = |a: f64, b: f64, most: f64| assert!((a - b).abs() < most, "{a}, expected {b}: {pair:?}");
        close(pair.value, *value, 1e-11);
        close(pair.interval.0, *low, 1e-8);
        close(pair.interval.1, *high, 1e-8);
        close(pair.p, *p, 1e-7 * p);
        close(pair.p_holm, *p_holm, 1e-7 * p_holm);
        assert_eq!(pair.significant, pair.p_holm < 0.05);
    }
}

/// Oracle: least squares on dummy variables, SciPy's t and statsmodels' Holm (scripts/statistics_oracle.py).
#[test]
fn differences_are_those_of_a_linear_model() {
    let two = [(0.025416666667, 0.000068615804, 0.050764717529, 4.958199272887e-02, 4.958199272887e-02)];
    assert_pairs(&decided(&[rows(&A), rows(&B)], 0.0), &two);
    let seeds_of_two = [(0.087500000000, 0.058381058813, 0.116618941187, 3.596346439905e-03, 3.596346439905e-03)];
    assert_pairs(&decided(&[rows(&A[..2]), rows(&C)], 0.0), &seeds_of_two);
    let unequal = [
        (0.025416666667, 0.003869427547, 0.046963905786, 2.874195374725e-02, 2.874195374725e-02),
        (0.080625000000, 0.056760027037, 0.104489972963, 2.815133410034e-04, 8.445400230102e-04),
        (0.055208333333, 0.031343360370, 0.079073306297, 1.738827480982e-03, 3.477654961963e-03),
    ];
    assert_pairs(&decided(&[rows(&A), rows(&B), rows(&C)], 0.0), &unequal);
    let folds = [(0.025416666667, -0.001848726021, 0.052682059355, 6.353085536764e-02, 6.353085536764e-02)];
    assert_pairs(&decided(&[rows(&A), rows(&B)], 1.0 / 7.0), &folds);
}

/// Oracle: scipy.stats.ttest_rel of two groups' images, ttest_ind of their seeds' means (scripts/statistics_oracle.py).
#[test]
fn without_one_of_the_spreads_it_is_a_plain_t_test() {
    let twice = |row: &[f64; 8]| vec![row.to_vec(), row.to_vec()];
    let found = decided(&[twice(&A[0]), twice(&B[0])], 0.0);
    assert!((found[0].p - 0.031_394_507_972_510_05).abs() < 1e-9, "{found:?}");
    let even = |of: &[[f64; 8]]| of.iter().map(|row| vec![row.iter().sum::<f64>() / 8.0; 4]).collect::<Vec<_>>();
    let found = decided(&[even(&A), even(&B)], 0.0);
    assert!((found[0].p - 0.048_867_713_352_562_826).abs() < 1e-9, "{found:?}");
}

/// Oracle: scripts/statistics_oracle.py, as above.
#[test]
fn spreads_and_what_can_be_found_are_told() {
    let table = Pooled::of(&[rows(&A), rows(&B), rows(&C)], 0.0).unwrap();
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a}, expected {b}");
    close(table.seed_deviation(), 0.010_018_212_581_759_993);
    close(table.unit_deviation(), 0.110_594_608_042_355_9);
    close(table.detectable(0, 1, LEVEL), 0.031_338_919_414_847_03);
    close(table.detectable(1, 2, LEVEL), 0.034_705_103_632_907_6);
    assert!(table.detectable(0, 1, LEVEL / 3.0) > table.detectable(0, 1, LEVEL));
    let longer = table.with_more_seeds(0, 1, 2);
    assert_eq!([longer.seeds(0), longer.seeds(1), longer.seeds(2)], [5, 5, 2]);
    assert!(longer.detectable(0, 1, LEVEL) < table.detectable(0, 1, LEVEL));
    // Of groups with equal numbers of seeds each has half of the variance of a difference.
    let (difference, half) =
        (decided(&[rows(&A), rows(&B)], 0.0)[0], half_width(&Pooled::of(&[rows(&A), rows(&B)], 0.0).unwrap(), 1));
    close(half * 2_f64.sqrt(), difference.value - difference.interval.0);
}

#[test]
fn where_nothing_varies_equal_means_are_equal_and_others_differ() {
    let flat = |score: f64| vec![vec![score; 3]; 2];
    let found = decided(&[flat(0.1 + 0.2), flat(0.3), flat(0.9)], 0.0);
    assert_eq!(
        found.iter().map(|pair| (pair.p_holm, pair.significant)).collect::<Vec<_>>(),
        [(1.0, false), (0.0, true), (0.0, true)]
    );
    assert_eq!((half_width(&Pooled::of(&[flat(0.3), flat(0.9)], 0.0).unwrap(), 0), found[1].interval.0), (0.0, found[1].value));
    // Images differ, but for all alike.
    let hard = |more: f64| vec![vec![0.5 + more, 0.7 + more, 0.9 + more]; 2];
    let found = decided(&[hard(0.0), hard(0.0), hard(0.05)], 0.0);
    assert!(found[0].p_holm == 1.0 && found[1].significant && found[2].significant, "{found:?}");
}

#[test]
fn what_is_no_complete_table_is_none() {
    let (a, b) = (rows(&A), rows(&B));
    let none = |groups: &[Vec<Vec<f64>>]| assert_eq!(Pooled::of(groups, 0.0), None, "{groups:?}");
    none(&[]);
    none(std::slice::from_ref(&a));
    none(&[a.clone(), rows(&B[..1])]);
    none(&[a.clone(), vec![vec![0.5; 8], vec![0.5; 7]]]);
    none(&[vec![vec![0.5]; 2], vec![vec![0.6]; 2]]);
    let mut hole = b;
    hole[1][3] = f64::NAN;
    none(&[a, hole]);
}

#[test]
fn images_of_a_patient_count_as_one() {
    assert_eq!(means(&[1.0, 2.0, 6.0, 5.0], &[0, 1, 0, 0]), [4.0, 2.0]);
    assert_eq!(means(&[], &[]), [0.0; 0]);
}

/// Sweeps have hundreds of groups: every pair of 200 is corrected for every other.
#[test]
fn holm_is_for_the_pairs_of_all_tables() {
    let group =
        |g: usize| (0..2).map(|s| (0..4).map(|i| ((g * 7 + s * 3 + i) as f64).sin()).collect()).collect::<Vec<Vec<f64>>>();
    let tables: Vec<Pooled> = [0..120, 120..200].map(|of| Pooled::of(&of.map(group).collect::<Vec<_>>(), 0.0).unwrap()).to_vec();
    let found = decide(&tables);
    assert_eq!([found[0].len(), found[1].len()], [120 * 119 / 2, 80 * 79 / 2]);
    let all = (found[0].len() + found[1].len()) as f64;
    let least = found.iter().flatten().min_by(|a, b| a.p.total_cmp(&b.p)).unwrap();
    assert!((least.p_holm - (least.p * all).min(1.0)).abs() < 1e-12, "{least:?}");
}

/// Oracle: scipy.stats.ttest_ind of the two groups that vary alike, and SciPy's t with the degrees of freedom of Welch and Satterthwaite of these
/// two and the third (scripts/statistics_oracle.py). Nothing but seeds varies.
#[test]
fn a_group_whose_seeds_vary_much_more_is_not_pooled() {
    let group = |mean: f64, spread: f64| [-1.0, 0.0, 1.0].map(|s| vec![mean + spread * s; 4]).to_vec();
    let table = |spreads: &[f64]| {
        let groups: Vec<Vec<Vec<f64>>> = spreads.iter().enumerate().map(|(g, s)| group(0.2 + 0.25 * g as f64, *s)).collect();
        Pooled::of(&groups, 0.0).unwrap()
    };
    let uneven = |spreads: &[f64]| (0..spreads.len()).filter(|g| table(spreads).is_uneven(*g)).collect::<Vec<_>>();
    assert_eq!(uneven(&[0.01, 0.012, 0.2, 0.009]), [2]);
    assert_eq!((uneven(&[0.01, 0.012, 0.02, 0.009]), uneven(&[0.0, 0.0])), (vec![], vec![]));
    let found = decide(&[table(&[0.01, 0.01, 0.2])]).remove(0);
    let p: Vec<f64> = found.iter().map(|pair| pair.p).collect();
    for (p, expected) in p.iter().zip([6.778391949403575e-06, 0.049088737917706564]) {
        assert!((p - expected).abs() < 1e-7 * expected, "{found:?}");
    }
}
