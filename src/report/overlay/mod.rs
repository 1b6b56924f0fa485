//! Samples of a run of the best group: image, truth and prediction side by side, masks as outlines.
//!
//! Which run and which samples is decided here; `sheet` draws them.

mod contour;
mod course;
mod picture;
mod sheet;

use super::chart::Rivals;
use super::collect::{Comparison, Group, Run};
use super::verdict::Verdict;
use super::{describe, sweep};
use crate::metric::Split;
use crate::record::ImageRow;
use crate::text::counted;
use picture::Sample;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

/// The overlays that could be drawn.
#[derive(Default)]
pub(super) struct Overlays {
    /// Samples of the validation split, evenly spaced.
    pub svg: Option<String>,
    /// The worst and the best samples of the split by which groups are compared.
    pub extremes: Option<String>,
    /// Masks of samples of the validation split after epochs.
    pub course: Option<String>,
    /// The id of the run they show.
    pub run: String,
    /// The images that are worst for the best group and its rival, as a run of each sees them.
    pub worst: Option<String>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Rows at most: with four the figure still fits a column.
const MOST: usize = 4;
/// Worst samples, and best ones.
const EXTREME: usize = 2;
/// Images that are shown of two groups.
const SHARED: usize = 2;

/// Draws samples of a run of the best group that has any.
pub(super) fn draw(comparison: &Comparison, verdict: &Verdict) -> Overlays {
    let split = verdict.split();
    let mut overlays = Overlays::default();
    overlays.worst = worst(comparison, verdict, &mut overlays.problems);
    let Some((run, names)) = best_with_samples(comparison, verdict, &mut overlays.problems) else { return overlays };
    let (worst, best) = extremes(run, split);
    overlays.course = course(comparison, run, &names, &mut overlays.problems);
    let spaced: Vec<Shown> =
        spaced(run, names, &[&worst[..], &best[..]].concat()).into_iter().map(|name| Shown { run, name, word: None }).collect();
    let title = |samples: &[Sample]| format!("Image, truth and prediction of {} validation samples", samples.len());
    overlays.svg = sheet(comparison, "overlays", spaced, &title, &mut overlays.problems);
    let of = |word: &'static str| move |name: String| Shown { run, name, word: Some(word.to_owned()) };
    let ends: Vec<Shown> = worst.into_iter().map(of("worst")).chain(best.into_iter().rev().map(of("best"))).collect();
    let word = split.word();
    let title = |_: &[Sample]| format!("The worst and the best predictions among the {word} samples");
    overlays.extremes = sheet(comparison, "extremes", ends, &title, &mut overlays.problems);
    overlays.run = if overlays.svg.is_some() || overlays.extremes.is_some() || overlays.course.is_some() {
        run.id.clone()
    } else {
        String::new()
    };
    overlays
}

/// The worst images of the best group and its rival that a run of each has kept.
fn worst(comparison: &Comparison, verdict: &Verdict, problems: &mut Vec<String>) -> Option<String> {
    let rivals = Rivals::of(comparison, verdict)?;
    // Each group has images of its own, which may be of another size.
    let kept = |group: usize, name: &str| {
        by_score(&comparison.groups[group], verdict).into_iter().find(|run| image(run, name).is_file())
    };
    let mut shown = Vec::new();
    for (number, name) in (1..).zip(rivals.worst()) {
        let both = [(rivals.best, "best group"), (rivals.rival, "rival")];
        let rows = both.map(|(group, word)| {
            let word = Some(format!("{number}, {word}"));
            kept(group, name).map(|run| Shown { run, name: name.to_owned(), word })
        });
        if let [Some(best), Some(rival)] = rows
            && shown.len() < 2 * SHARED
        {
            shown.extend([best, rival]);
        }
    }
    let title = |samples: &[Sample]| format!("{}, by the best group and its rival", counted(samples.len() / 2, "worst image"));
    sheet(comparison, "worst", shown, &title, problems)
}

/// The samples whose masks were kept after epochs.
fn course(comparison: &Comparison, run: &Run, names: &[String], problems: &mut Vec<String>) -> Option<String> {
    let mut courses = Vec::new();
    for name in names {
        match picture::course(&run.dir, name) {
            Ok(Some((sample, masks))) => courses.push(course::Course { sample, masks }),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    course::draw(&comparison.classes, &run.id, &courses)
}

/// A sample to be shown, and what is said of it.
struct Shown<'a> {
    run: &'a Run,
    name: String,
    word: Option<String>,
}

/// `None` if there is nothing to draw.
fn sheet(
    comparison: &Comparison,
    id: &str,
    shown: Vec<Shown<'_>>,
    title: &dyn Fn(&[Sample]) -> String,
    problems: &mut Vec<String>,
) -> Option<String> {
    let mut samples = Vec::new();
    let mut runs: Vec<&str> = Vec::new();
    for Shown { run, name, word } in shown {
        match picture::read(&run.dir, &name) {
            Ok(sample) => samples.push(Sample { name: word.map_or(name.clone(), |word| format!("{word}: {name}")), ..sample }),
            Err(problem) => problems.push(problem),
        }
        if !runs.contains(&run.id.as_str()) {
            runs.push(&run.id);
        }
    }
    (!samples.is_empty()).then(|| sheet::draw(&comparison.classes, &runs.join(" and "), id, &title(&samples), &samples))
}

/// The samples of the validation split that have pictures; those that are among the worst or best only if there are too few others.
fn spaced(run: &Run, names: Vec<String>, extreme: &[String]) -> Vec<String> {
    let of_val: HashSet<PathBuf> =
        run.images.rows.iter().filter(|row| row.split == Split::Val.prefix()).map(|row| image(run, &row.image)).collect();
    let mut names: Vec<String> =
        names.into_iter().filter(|name| of_val.is_empty() || of_val.contains(&image(run, name))).collect();
    let extreme: HashSet<PathBuf> = extreme.iter().map(|name| image(run, name)).collect();
    let mut spare = names.len().saturating_sub(MOST);
    names.retain(|name| {
        let dropped = spare > 0 && extreme.contains(&image(run, name));
        spare -= usize::from(dropped);
        !dropped
    });
    names.truncate(MOST);
    names
}

fn image(run: &Run, name: &str) -> PathBuf {
    run.dir.sample_picture(name, "image")
}

/// The samples with the lowest and the highest Dice in the mean over classes that have pictures, the lowest and the highest first; no
/// sample is both.
fn extremes(run: &Run, split: Split) -> (Vec<String>, Vec<String>) {
    let Some(place) = run.images.place("dice") else { return Default::default() };
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    // A class that the split does not show has no Dice.
    let scored = |row: &&ImageRow| row.split == split.prefix() && !row.class.is_empty() && !row.values[place].is_nan();
    for row in run.images.rows.iter().filter(scored) {
        *sums.entry(&row.image).or_default() += row.values[place];
    }
    let mut order: Vec<(&str, f64)> = sums.into_iter().filter(|(name, _)| image(run, name).is_file()).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let half = (order.len() / 2).min(EXTREME);
    let name = |(name, _): &(&str, f64)| (*name).to_owned();
    (order.iter().take(half).map(name).collect(), order.iter().rev().take(half).map(name).collect())
}

/// The best run that has pictures of the best group that has such a run, and their names.
fn best_with_samples<'a>(
    comparison: &'a Comparison,
    verdict: &Verdict,
    problems: &mut Vec<String>,
) -> Option<(&'a Run, Vec<String>)> {
    for group in verdict.order(comparison) {
        for run in by_score(&comparison.groups[group], verdict) {
            match picture::names(&run.dir) {
                Ok(names) if names.is_empty() => {}
                Ok(names) => return Some((run, names)),
                Err(e) => problems.push(format!("{}: {e}", run.dir.samples().display())),
            }
        }
    }
    None
}

/// The runs of a group, the best one first, those without a score last.
fn by_score<'a>(group: &'a Group, verdict: &Verdict) -> Vec<&'a Run> {
    let mut runs: Vec<&Run> = group.runs.iter().collect();
    let ahead = |a: f64, b: f64| describe::better(&verdict.ranked_by, a, b);
    runs.sort_by(|a, b| match (sweep::score(a, &verdict.ranked_by), sweep::score(b, &verdict.ranked_by)) {
        (Some(a), Some(b)) if ahead(a, b) => Ordering::Less,
        (Some(a), Some(b)) if ahead(b, a) => Ordering::Greater,
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    runs
}
