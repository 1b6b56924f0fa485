//! Made-up groups whose differences are known.

use super::*;
use crate::record::{ImageRow, ImageScores};
use crate::report::collect::{Group, Run, State};
use crate::store::RunDir;

/// Deterministic noise of about ±0.01.
fn noise(at: usize) -> f64 {
    ((at as f64 + 1.0).sin() * 43_758.545_3).fract() / 100.0
}

/// A finished run whose images have these scores in the named part.
fn run(group: usize, seed: &str, part: &str, metric: &str, scores: &[(String, f64)]) -> Run {
    let row = |(image, value): &(String, f64)| ImageRow {
        part: part.into(),
        image: image.clone(),
        class: "disc".into(),
        values: vec![*value],
    };
    let mean = scores.iter().map(|score| score.1).sum::<f64>() / scores.len() as f64;
    let own = [(format!("{part}_{metric}"), mean)].into_iter().collect();
    let (best, test) =
        if part == "test" { ([("val_dice".to_owned(), mean)].into_iter().collect(), own) } else { (own, Default::default()) };
    Run {
        dir: RunDir::at("nowhere"),
        id: format!("{group}-{seed}"),
        differs: vec![("lr".into(), group.to_string()), ("seed".into(), seed.into())],
        data: String::new(),
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
    }
}

/// Groups `a`, `b`, … with means as given, each with so many seeds and images: an image is as hard for all.
fn groups(means: &[f64], seeds: usize, images: usize, part: &str, metric: &str) -> Comparison {
    let score = |group: usize, mean: f64, seed: usize, image: usize| {
        (format!("image-{image}"), mean + 5.0 * noise(image) + noise(group * 1000 + seed * 100 + image))
    };
    let group = |(group, mean): (usize, &f64)| {
        let of = |seed: usize| (0..images).map(|image| score(group, *mean, seed, image)).collect::<Vec<_>>();
        let runs = (1..=seeds).map(|seed| run(group, &seed.to_string(), part, metric, &of(seed))).collect();
        Group { name: char::from(b'a' + group as u8).to_string(), runs, own: Vec::new() }
    };
    let groups = means.iter().enumerate().map(group).collect();
    let best_by = format!("val_{metric}");
    Comparison { name: "made up".into(), groups, classes: vec!["disc".into()], best_by, of_other_plans: 0, remarks: Vec::new() }
}

fn ranks(verdict: &Verdict) -> Vec<(usize, usize)> {
    verdict.standings.iter().map(|standing| (standing.group, standing.rank)).collect()
}

#[test]
fn a_difference_that_is_there_is_found_and_one_that_is_not_is_not() {
    let verdict = judge(&groups(&[0.80, 0.80, 0.75], 3, 12, "test", "dice"), None);
    assert_eq!(verdict.column, "test_dice");
    let mut found = ranks(&verdict);
    found.sort_unstable();
    assert_eq!(found, [(0, 1), (1, 1), (2, 3)]);
    let pair = verdict.pairs.iter().find(|pair| (pair.better, pair.worse) == (0, 2)).unwrap();
    assert!((pair.difference - 0.05).abs() < 0.005 && pair.interval.0 > 0.04 && pair.interval.1 < 0.06, "{pair:?}");
    assert_eq!((pair.images, pair.seeds, pair.apart), (12, 3, true));
    // The exact p of twelve differences of one sign, times three comparisons or two.
    assert_eq!(pair.p, 2.0 / 4096.0);
    let words = verdict.words.join(" ");
    assert!(words.contains("cannot be told apart with 3 seeds and 12 images"), "{words}");
    assert!(words.contains("is better than “c” by 0.05"), "{words}");
    assert!(words.contains("test Dice"), "{words}");
    assert!(!words.contains("chose the best epoch"), "the test part chose nothing: {words}");
}

#[test]
fn validation_scores_are_warned_of() {
    let verdict = judge(&groups(&[0.80, 0.75], 3, 12, "val", "dice"), None);
    assert_eq!((verdict.column.as_str(), ranks(&verdict)), ("val_dice", vec![(0, 1), (1, 2)]));
    assert!(verdict.words.join(" ").contains("chose the best epoch"), "{:?}", verdict.words);
}

#[test]
fn less_of_a_loss_is_better() {
    let verdict = judge(&groups(&[0.30, 0.20], 3, 12, "val", "bce"), None);
    assert_eq!((verdict.column.as_str(), ranks(&verdict)), ("val_bce", vec![(1, 1), (0, 2)]));
    let pair = &verdict.pairs[0];
    assert!((pair.better, pair.worse) == (1, 0) && pair.difference > 0.09 && pair.interval.0 > 0.09 && pair.apart, "{pair:?}");
}

#[test]
fn another_metric_can_be_asked_for() {
    let comparison = groups(&[0.30, 0.20], 3, 12, "val", "iou");
    let verdict = judge(&comparison, Some("iou_disc"));
    assert_eq!((verdict.column.as_str(), verdict.pairs.len()), ("val_iou_disc", 0), "no run has a value of that class");
    let verdict = judge(&comparison, Some("iou"));
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
    let verdict = judge(&comparison, Some("vcdr_error"));
    assert_eq!((verdict.column.as_str(), ranks(&verdict)), ("test_vcdr_error", vec![(1, 1), (0, 2)]));
    let pair = &verdict.pairs[0];
    assert!(pair.apart && pair.images == 12 && (pair.difference - 0.1).abs() < 0.01, "{pair:?}");
    assert!(verdict.words[0].contains("test vertical CDR error 0.2"), "{:?}", verdict.words);
}

#[test]
fn one_seed_is_not_tested_and_says_why() {
    let verdict = judge(&groups(&[0.80, 0.75], 1, 12, "test", "dice"), None);
    assert!(verdict.pairs.is_empty());
    assert_eq!(ranks(&verdict), [(0, 1), (1, 2)]);
    assert!(verdict.words[1].starts_with("No test is shown: with one seed"), "{:?}", verdict.words);
    let mut none = groups(&[0.80, 0.75], 2, 12, "test", "dice");
    none.groups.iter_mut().flat_map(|group| &mut group.runs).for_each(|run| run.images = ImageScores::default());
    assert!(judge(&none, None).words[1].contains("scores of single images"), "{:?}", judge(&none, None).words);
}

#[test]
fn few_images_can_show_nothing() {
    let verdict = judge(&groups(&[0.80, 0.60], 3, 5, "test", "dice"), None);
    assert!(!verdict.pairs[0].apart && verdict.words.iter().any(|words| words.contains("too few")), "{:?}", verdict.words);
}

#[test]
fn folds_of_a_seed_are_one_and_other_seeds_are_not_paired() {
    let mut folded = groups(&[0.80, 0.75], 2, 12, "val", "dice");
    for group in &mut folded.groups {
        let second = group.runs.pop().unwrap();
        let rows = &mut group.runs[0].images.rows;
        let mut other = run(0, "1", "val", "dice", &[("x".into(), 0.5)]);
        other.images.rows = rows.split_off(6);
        group.runs.extend([other, second]);
    }
    let verdict = judge(&folded, None);
    assert_eq!((verdict.pairs[0].seeds, verdict.pairs[0].images), (2, 12));
    let mut others = groups(&[0.80, 0.75], 3, 12, "val", "dice");
    others.groups[1].runs.iter_mut().for_each(|run| run.differs[1].1.push('0'));
    let (pair, paired) =
        (judge(&others, None).pairs.remove(0), judge(&groups(&[0.80, 0.75], 3, 12, "val", "dice"), None).pairs.remove(0));
    assert_eq!((pair.seeds, pair.images, pair.difference), (3, 12, paired.difference));
    assert_ne!(pair.interval, paired.interval);
}

#[test]
fn groups_without_a_common_image_are_not_tested() {
    let mut comparison = groups(&[0.80, 0.75], 2, 12, "val", "dice");
    comparison.groups[1].runs.iter_mut().flat_map(|run| &mut run.images.rows).for_each(|row| row.image.push('b'));
    let verdict = judge(&comparison, None);
    assert!(verdict.pairs.is_empty() && verdict.words[1].contains("no images in common"), "{:?}", verdict.words);
}

#[test]
fn many_groups_are_tested_against_the_best() {
    let means: Vec<f64> = (0..20).map(|k| 0.9 - 0.01 * f64::from(k)).collect();
    let verdict = judge(&groups(&means, 2, 20, "test", "dice"), None);
    assert_eq!(verdict.pairs.len(), 19);
    assert_eq!(verdict.standings.last().map(|s| (s.group, s.rank)), Some((19, 20)));
    assert!(verdict.words.iter().any(|words| words.contains("against the best alone")), "{:?}", verdict.words);
}

#[test]
fn nothing_yet_is_said_so() {
    let mut comparison = groups(&[0.8], 1, 3, "val", "dice");
    let words = judge(&comparison, None).words;
    assert!(
        words.len() == 1 && words[0].starts_with("Best validation Dice: 0.8") && words[0].ends_with(" (1 run)."),
        "{words:?}"
    );
    comparison.groups[0].runs.clear();
    assert_eq!(judge(&comparison, None).words, ["No run has ended an epoch yet."]);
}

/// The images have the same names in both data sets.
#[test]
fn groups_of_different_data_sets_do_not_compare() {
    let mut comparison = groups(&[0.80, 0.75, 0.90], 3, 12, "test", "dice");
    comparison.groups[2].runs.iter_mut().for_each(|run| run.data = "other".into());
    let verdict = judge(&comparison, None);
    assert_eq!(ranks(&verdict), [(0, 1), (1, 2), (2, 1)]);
    assert_eq!(verdict.pairs.len(), 1, "{:?}", verdict.pairs);
    assert_eq!((verdict.pairs[0].better, verdict.pairs[0].worse), (0, 1));
    assert!(verdict.words[0].contains("of 2 data sets, whose scores do not compare"), "{:?}", verdict.words);
    assert!(verdict.words[1].starts_with("Best on data set 1, not recorded which: a,"), "{:?}", verdict.words);
    assert!(verdict.words[2].starts_with("Best on data set 2, fingerprint other: c,"), "{:?}", verdict.words);
}

#[test]
fn what_no_test_and_no_digit_tells_apart_shares_a_rank() {
    let verdict = judge(&groups(&[0.8001, 0.8002, 0.75], 1, 12, "test", "dice"), None);
    let mut found = ranks(&verdict);
    found.sort_unstable();
    assert_eq!(found, [(0, 1), (1, 1), (2, 3)]);
    assert!(verdict.words[0].contains("and 1 other alike"), "{:?}", verdict.words);
}
