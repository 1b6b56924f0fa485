//! Made-up groups whose differences are known.

use super::*;
use crate::record::{ImageRow, ImageScores};
use crate::report::collect::{Group, Run, State};
use crate::report::design::Design;
use crate::store::RunDir;

/// Deterministic noise of about ±0.01.
fn noise(at: usize) -> f64 {
    ((at as f64 + 1.0).sin() * 43_758.545_3).fract() / 100.0
}

/// A finished run whose images have these scores in the named split.
fn run(group: usize, seed: &str, split: &str, metric: &str, scores: &[(String, f64)]) -> Run {
    let row = |(image, value): &(String, f64)| ImageRow {
        split: split.into(),
        image: image.clone(),
        class: "disc".into(),
        values: vec![*value],
    };
    let mean = scores.iter().map(|score| score.1).sum::<f64>() / scores.len() as f64;
    let own = [(format!("{split}_{metric}"), mean)].into_iter().collect();
    let (best, test) =
        if split == "test" { ([("val_dice".to_owned(), mean)].into_iter().collect(), own) } else { (own, Default::default()) };
    Run {
        dir: RunDir::at("nowhere"),
        id: format!("{group}-{seed}"),
        differs: vec![("lr".into(), group.to_string()), ("seed".into(), seed.into())],
        data: String::new(),
        design: Default::default(),
        state: State::Finished,
        cause: None,
        rows: Vec::new(),
        seconds: 1.0,
        notes: Vec::new(),
        epoch_seconds: Vec::new(),
        best_epoch: Some(1),
        best,
        test,
        images: ImageScores { metrics: vec![metric.into()], rows: scores.iter().map(row).collect() },
        thresholds: Default::default(),
        used: Default::default(),
        provenance: Default::default(),
    }
}

/// Groups `a`, `b`, … with means as given, each with so many seeds and images: an image is as hard for all.
fn groups(means: &[f64], seeds: usize, images: usize, split: &str, metric: &str) -> Comparison {
    let score = |group: usize, mean: f64, seed: usize, image: usize| {
        (format!("image-{image}"), mean + 5.0 * noise(image) + noise(group * 1000 + seed * 100 + image))
    };
    let group = |(group, mean): (usize, &f64)| {
        let of = |seed: usize| (0..images).map(|image| score(group, *mean, seed, image)).collect::<Vec<_>>();
        let runs = (1..=seeds).map(|seed| run(group, &seed.to_string(), split, metric, &of(seed))).collect();
        Group { name: char::from(b'a' + group as u8).to_string(), runs, own: Vec::new() }
    };
    let groups = means.iter().enumerate().map(group).collect();
    let best_by = format!("val_{metric}");
    Comparison {
        name: "made up".into(),
        groups,
        classes: vec!["disc".into()],
        best_by,
        of_other_plans: 0,
        remarks: Vec::new(),
        search: None,
        metrics: None,
    }
}

/// As a report does.
fn judged(comparison: &Comparison, by: Option<&str>) -> Verdict {
    judge(comparison, by, RankBy::Validation)
}

fn ranks(verdict: &Verdict) -> Vec<(usize, usize)> {
    verdict.standings.iter().map(|standing| (standing.group, standing.rank)).collect()
}

#[test]
fn a_difference_that_is_there_is_found_and_one_that_is_not_is_not() {
    let verdict = judged(&groups(&[0.80, 0.80, 0.75], 3, 12, "test", "dice"), None);
    assert_eq!(verdict.column, "test_dice");
    let mut found = ranks(&verdict);
    found.sort_unstable();
    assert_eq!(found, [(0, 1), (1, 1), (2, 3)]);
    let pair = verdict.pairs.iter().find(|pair| (pair.better, pair.worse) == (0, 2)).unwrap();
    assert!((pair.difference - 0.05).abs() < 0.005 && pair.interval.0 > 0.04 && pair.interval.1 < 0.06, "{pair:?}");
    assert_eq!((pair.units, pair.unit, pair.seeds, pair.significant), (12, Unit::Image, [3, 3], true));
    let standing = &verdict.standings[2];
    let (low, high) = standing.interval.unwrap();
    let ratio = (pair.interval.1 - pair.interval.0) / (high - low);
    assert!((ratio - 2_f64.sqrt()).abs() < 1e-9, "a group's interval is of the same t: {standing:?}");
    let words = verdict.words.join(" ");
    assert!(words.contains("No significant difference between “b” and “a”") || words.contains("between “a” and “b”"), "{words}");
    assert!(words.contains("With 3 seeds and 12 images, differences below 0.0"), "{words}");
    assert!(words.contains("Standard deviation of a mean from seed to seed 0.00"), "{words}");
    assert!(words.contains("is better than “c” by 0.05"), "{words}");
    assert!(words.contains("test Dice"), "{words}");
    assert!(!words.contains("chose the best epoch"), "the test split chose nothing: {words}");
    assert!(words.contains("chosen by its validation Dice of 0.8"), "{words}");
}

#[test]
fn validation_scores_are_warned_of() {
    let verdict = judged(&groups(&[0.80, 0.75], 3, 12, "val", "dice"), None);
    assert_eq!((verdict.column.as_str(), ranks(&verdict)), ("val_dice", vec![(0, 1), (1, 2)]));
    assert!(verdict.words.join(" ").contains("chose the best epoch"), "{:?}", verdict.words);
}

#[test]
fn less_of_a_loss_is_better() {
    let verdict = judged(&groups(&[0.30, 0.20], 3, 12, "val", "bce"), None);
    assert_eq!((verdict.column.as_str(), ranks(&verdict)), ("val_bce", vec![(1, 1), (0, 2)]));
    let pair = &verdict.pairs[0];
    assert!(
        (pair.better, pair.worse) == (1, 0) && pair.difference > 0.09 && pair.interval.0 > 0.09 && pair.significant,
        "{pair:?}"
    );
}

#[test]
fn another_metric_can_be_asked_for() {
    let comparison = groups(&[0.30, 0.20], 3, 12, "val", "iou");
    let verdict = judged(&comparison, Some("iou_disc"));
    assert_eq!((verdict.column.as_str(), verdict.pairs.len()), ("val_iou_disc", 0), "no run has a value of that class");
    let verdict = judged(&comparison, Some("iou"));
    assert_eq!((verdict.column.as_str(), ranks(&verdict)), ("val_iou", vec![(0, 1), (1, 2)]));
}

/// The metric stands in a row of the image itself; the rows of its classes have none.
#[test]
fn a_metric_of_the_image_itself_is_compared_and_less_of_an_error_is_better() {
    let mut comparison = groups(&[0.30, 0.20], 3, 12, "test", "vcdr_error");
    for run in comparison.groups.iter_mut().flat_map(|group| &mut group.runs) {
        let class = |row: &ImageRow| ImageRow { values: vec![f64::NAN], ..row.clone() };
        let image = |row: &ImageRow| ImageRow { class: String::new(), ..row.clone() };
        run.images.rows = run.images.rows.iter().flat_map(|row| [class(row), image(row)]).collect();
    }
    let verdict = judged(&comparison, Some("vcdr_error"));
    assert_eq!((verdict.column.as_str(), ranks(&verdict)), ("test_vcdr_error", vec![(1, 1), (0, 2)]));
    let pair = &verdict.pairs[0];
    assert!(pair.significant && pair.units == 12 && (pair.difference - 0.1).abs() < 0.01, "{pair:?}");
    assert!(verdict.words[0].contains("test vertical CDR error 0.2"), "{:?}", verdict.words);
}

#[test]
fn one_seed_is_not_tested_and_says_why() {
    let verdict = judged(&groups(&[0.80, 0.75], 1, 12, "test", "dice"), None);
    assert!(verdict.pairs.is_empty());
    assert_eq!(ranks(&verdict), [(0, 1), (1, 2)]);
    assert!(verdict.words[1].starts_with("No test is shown: with one seed"), "{:?}", verdict.words);
    let mut none = groups(&[0.80, 0.75], 2, 12, "test", "dice");
    none.groups.iter_mut().flat_map(|group| &mut group.runs).for_each(|run| run.images = ImageScores::default());
    assert!(judged(&none, None).words[1].contains("scores of single images"), "{:?}", judged(&none, None).words);
}

/// Luck that seeds share over all images is no difference, however many images agree: the means of three seeds lie within their spread.
#[test]
fn seeds_that_vary_more_than_groups_differ_show_nothing() {
    let mut comparison = groups(&[0.80, 0.81], 3, 30, "test", "dice");
    for (at, run) in comparison.groups.iter_mut().flat_map(|group| &mut group.runs).enumerate() {
        let luck = [-0.02, 0.01, 0.015, -0.01, 0.0, 0.02][at];
        run.images.rows.iter_mut().for_each(|row| row.values[0] += luck);
    }
    let verdict = judged(&comparison, None);
    assert!(!verdict.pairs[0].significant && verdict.pairs[0].p > 0.2, "{:?}", verdict.pairs);
    assert_eq!(verdict.standings.iter().map(|s| s.rank).collect::<Vec<_>>(), [1, 1]);
    let words = verdict.words.join(" ");
    assert!(words.contains("2 more seeds of each would lower that to"), "{words}");
}

#[test]
fn one_image_is_not_tested_and_two_are() {
    let verdict = judged(&groups(&[0.80, 0.60], 3, 1, "test", "dice"), None);
    assert!(verdict.pairs.is_empty() && verdict.words[1].contains("too few images"), "{:?}", verdict.words);
    assert_eq!(judged(&groups(&[0.80, 0.60], 3, 2, "test", "dice"), None).pairs[0].units, 2);
}

/// Each fold validates half of the images, and the two folds of a seed make one row.
#[test]
fn folds_count_once_and_seeds_without_all_of_them_do_not() {
    let folded = |missing: usize| {
        let mut folded = groups(&[0.80, 0.75], 3, 12, "val", "dice");
        for group in &mut folded.groups {
            let mut halves = Vec::new();
            for run in &mut group.runs {
                let seed = run.differs[1].1.clone();
                let mut other = super::tests::run(0, &seed, "val", "dice", &[("x".into(), 0.5)]);
                other.images.rows = run.images.rows.split_off(6);
                halves.push(other);
            }
            group.runs.extend(halves);
            for (at, run) in group.runs.iter_mut().enumerate() {
                run.differs.push(("fold".into(), (1 + at / 3).to_string()));
                run.design = Design::of("[split.k_fold]\nk = 2\n");
            }
        }
        let left = folded.groups[0].runs.len() - missing;
        folded.groups[0].runs.truncate(left);
        judged(&folded, None)
    };
    let pair = &folded(0).pairs[0];
    assert_eq!((pair.units, pair.unit, pair.seeds), (2, Unit::Fold, [3, 3]));
    let mut seeds = folded(1).pairs[0].seeds;
    seeds.sort_unstable();
    assert_eq!(seeds, [2, 3]);
    let verdict = folded(2);
    assert!(verdict.pairs.is_empty() && verdict.words.join(" ").contains("finished all folds"), "{:?}", verdict.words);
}

/// Every fold is judged on the test images that were set aside before: a seed's score of an image is the mean over its folds.
#[test]
fn folds_that_share_the_test_images_are_averaged() {
    let mut comparison = groups(&[0.80, 0.75], 2, 12, "test", "dice");
    for group in &mut comparison.groups {
        let mut second = Vec::new();
        for run in &mut group.runs {
            run.differs.push(("fold".into(), "1".into()));
            run.design = Design::of("[split.k_fold]\nk = 2\ntest = 0.2\n");
            let scores: Vec<_> = run.images.rows.iter().map(|row| (row.image.clone(), row.values[0] + 0.1)).collect();
            let mut other = super::tests::run(0, &run.differs[1].1, "test", "dice", &scores);
            other.differs.push(("fold".into(), "2".into()));
            other.design = run.design.clone();
            second.push(other);
        }
        group.runs.extend(second);
    }
    let (pair, plain) =
        (judged(&comparison, None).pairs.remove(0), judged(&groups(&[0.80, 0.75], 2, 12, "test", "dice"), None).pairs.remove(0));
    assert_eq!((pair.units, pair.unit, pair.seeds), (12, Unit::Image, [2, 2]));
    assert!((pair.difference - plain.difference).abs() < 1e-12 && (pair.p - plain.p).abs() < 1e-9, "{pair:?} {plain:?}");
}

/// Four images each of five patients: twenty images, five units.
#[test]
fn patients_are_the_units_where_the_split_names_them() {
    let mut comparison = groups(&[0.80, 0.75], 3, 20, "test", "dice");
    for run in comparison.groups.iter_mut().flat_map(|group| &mut group.runs) {
        run.design = Design::of("[split.fractions]\ngroup = '^(p\\d+)_'\n");
        for (at, row) in run.images.rows.iter_mut().enumerate() {
            row.image = format!("p{}_{at}", at / 4);
        }
    }
    let verdict = judged(&comparison, None);
    assert_eq!((verdict.pairs[0].units, verdict.pairs[0].unit), (5, Unit::Patient));
    assert!(verdict.words.join(" ").contains("With 3 seeds and 5 patients"), "{:?}", verdict.words);
}

#[test]
fn seeds_may_be_unequal_in_number_and_images_missing() {
    let mut comparison = groups(&[0.80, 0.75, 0.70], 3, 12, "test", "dice");
    comparison.groups[0].runs.pop();
    comparison.groups[1].runs[2].images.rows.remove(5);
    comparison.groups[2].runs[0].images.rows[7].values[0] = f64::NAN;
    let verdict = judged(&comparison, None);
    assert_eq!(
        verdict.pairs.iter().map(|pair| (pair.seeds, pair.units)).collect::<Vec<_>>(),
        [([2, 3], 10), ([2, 3], 10), ([3, 3], 10)]
    );
    assert!(verdict.words.join(" ").contains("With 2 and 3 seeds and 10 images of 12"), "{:?}", verdict.words);
}

#[test]
fn a_group_of_one_seed_is_not_tested_beside_others_that_are() {
    let mut comparison = groups(&[0.80, 0.75, 0.70], 3, 12, "test", "dice");
    comparison.groups[1].runs.truncate(1);
    let verdict = judged(&comparison, None);
    assert_eq!(verdict.pairs.iter().map(|pair| (pair.better, pair.worse)).collect::<Vec<_>>(), [(0, 2)]);
    assert!(verdict.words.join(" ").contains("Not tested: “b”; one seed"), "{:?}", verdict.words);
}

/// b has the better test scores, a the better validation scores.
#[test]
fn validation_puts_groups_in_order_and_the_test_part_judges_them() {
    let mut comparison = groups(&[0.75, 0.80], 3, 12, "test", "dice");
    for (group, val) in [(0, 0.9), (1, 0.8)] {
        comparison.groups[group].runs.iter_mut().for_each(|run| _ = run.best.insert("val_dice".into(), val));
    }
    let verdict = judge(&comparison, None, RankBy::Validation);
    assert_eq!(
        (verdict.column.as_str(), verdict.ranked_by.as_str(), ranks(&verdict)),
        ("test_dice", "val_dice", vec![(0, 1), (1, 2)])
    );
    assert!(verdict.words[0].starts_with("Best: a, test Dice 0.7"), "{:?}", verdict.words);
    assert!(
        verdict.words[1].contains("“b” is better than “a”")
            && verdict.words[1].contains("although its validation scores are behind")
    );
    assert!(!verdict.words.join(" ").contains("optimistic"), "{:?}", verdict.words);
    let verdict = judge(&comparison, None, RankBy::Test);
    assert_eq!((verdict.ranked_by.as_str(), ranks(&verdict)), ("test_dice", vec![(1, 1), (0, 2)]));
    assert!(
        verdict.words.join(" ").contains("Ranked by test scores, as asked: the score of the best is optimistic"),
        "{:?}",
        verdict.words
    );
}

#[test]
fn failed_seeds_are_said() {
    let mut comparison = groups(&[0.80, 0.75], 3, 12, "test", "dice");
    comparison.groups[0].runs[1].state = State::Failed;
    let words = judged(&comparison, None).words.join(" ");
    assert!(words.contains("Failed runs have no part in the scores, which may flatter: “a” (1 of 3 runs)."), "{words}");
}

/// One ranking, but no test across sizes.
#[test]
fn other_sizes_are_ranked_and_not_tested() {
    let mut comparison = groups(&[0.80, 0.75, 0.90], 3, 12, "test", "dice");
    for (group, size) in comparison.groups.iter_mut().zip([64, 64, 32]) {
        let design = Design::of(&format!("[preprocess]\nsize = [{size}, {size}]\n"));
        group.runs.iter_mut().for_each(|run| run.design = design.clone());
    }
    let sizes = judged(&comparison, None);
    assert_eq!(ranks(&sizes), [(2, 1), (0, 2), (1, 3)]);
    assert_eq!(sizes.pairs.len(), 1, "{:?}", sizes.pairs);
    assert!(sizes.words.join(" ").contains("judged at different sizes"), "{:?}", sizes.words);
}

#[test]
fn groups_without_a_common_image_are_not_tested() {
    let mut comparison = groups(&[0.80, 0.75], 2, 12, "val", "dice");
    comparison.groups[1].runs.iter_mut().flat_map(|run| &mut run.images.rows).for_each(|row| row.image.push('b'));
    let verdict = judged(&comparison, None);
    assert!(
        verdict.pairs.is_empty() && verdict.words[1].contains("too few images, or patients, in common"),
        "{:?}",
        verdict.words
    );
}

#[test]
fn every_pair_of_many_groups_is_tested() {
    let means: Vec<f64> = (0..20).map(|k| 0.9 - 0.02 * f64::from(k)).collect();
    let verdict = judged(&groups(&means, 2, 20, "test", "dice"), None);
    assert_eq!(verdict.pairs.len(), 190);
    assert_eq!(verdict.standings.last().map(|s| (s.group, s.rank)), Some((19, 20)));
}

#[test]
fn nothing_yet_is_said_so() {
    let mut comparison = groups(&[0.8], 1, 3, "val", "dice");
    let words = judged(&comparison, None).words;
    assert!(
        words.len() == 1 && words[0].starts_with("Best validation Dice: 0.8") && words[0].ends_with(" (1 run)."),
        "{words:?}"
    );
    comparison.groups[0].runs.clear();
    assert_eq!(judged(&comparison, None).words, ["No run has ended an epoch yet."]);
}

/// The images have the same names in both data sets.
#[test]
fn groups_of_different_data_sets_do_not_compare() {
    let mut comparison = groups(&[0.80, 0.75, 0.90], 3, 12, "test", "dice");
    comparison.groups[2].runs.iter_mut().for_each(|run| run.data = "other".into());
    let verdict = judged(&comparison, None);
    assert_eq!(ranks(&verdict), [(0, 1), (1, 2), (2, 1)]);
    assert_eq!(verdict.pairs.len(), 1, "{:?}", verdict.pairs);
    assert_eq!((verdict.pairs[0].better, verdict.pairs[0].worse), (0, 1));
    assert!(verdict.words[0].contains("of 2 data sets, whose scores do not compare"), "{:?}", verdict.words);
    assert!(verdict.words[1].starts_with("Best on data set 1, not recorded which: a,"), "{:?}", verdict.words);
    assert!(verdict.words[2].starts_with("Best on data set 2, fingerprint other: c,"), "{:?}", verdict.words);
}

#[test]
fn what_no_test_and_no_digit_tells_apart_shares_a_rank() {
    let verdict = judged(&groups(&[0.8001, 0.8002, 0.75], 1, 12, "test", "dice"), None);
    let mut found = ranks(&verdict);
    found.sort_unstable();
    assert_eq!(found, [(0, 1), (1, 1), (2, 3)]);
    assert!(verdict.words[0].contains("and 1 other alike"), "{:?}", verdict.words);
}
