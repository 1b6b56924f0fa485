//! Charts of a comparison as SVG texts. The look is decided in `style`, files are written elsewhere.

mod axes;
mod backend;
mod curves;
mod find_lr;
mod focus;
mod heat;
mod images;
mod importance;
mod ink;
mod key;
mod labels;
mod levels;
mod lr;
mod parallel;
mod parameter;
mod rivals;
mod scores;
mod search;
mod slices;
mod strip;
mod style;
mod swarm;
#[cfg(test)]
pub(super) mod tests;
mod text;
mod thresholds;

pub(super) use find_lr::draw as find_lr;
pub(super) use ink::{Anchor, Face, Ink, Pen, extent, path};
pub(super) use rivals::Rivals;
pub(super) use style::{CASING, COLUMN, EDGE, LEADING, MUTED, TEXT, class_color, hex};
#[cfg(test)]
pub(super) use text::width;
pub(super) use text::{fit, fit_ends};

use super::collect::Comparison;
use super::search::Search;
use super::sweep::{self, Factor};
use super::verdict::Verdict;
use super::{column, comparable, importance as shares};
use crate::metric::Split;
use crate::plan::names;
use focus::Focus;

/// A chart, ready to be written.
pub(super) struct Drawn {
    /// The file's name without ending.
    pub name: String,
    /// What it shows, in a few words: `Dice against epoch`.
    pub title: String,
    pub svg: String,
}

/// What charts are drawn of.
pub(crate) struct Source<'a> {
    pub comparison: &'a Comparison,
    pub verdict: &'a Verdict,
    pub focus: Focus,
    /// All that is swept.
    pub all: Vec<Factor>,
    /// The parameters that groups show by themselves, with the values of these groups alone.
    pub factors: Vec<Factor>,
    /// Which parameters matter, the most important first, if that is known.
    pub shares: Option<Vec<shares::Share>>,
}

/// Columns that have curves, without `train_` and `val_`.
const CURVES: [&str; 4] = ["loss", "bce", "dice", "iou"];

/// The charts of a search: its course, its keys by their importance, all of them together, and each alone.
pub(super) fn of_search(search: &Search) -> Vec<Drawn> {
    let charts = [search::draw(search), importance::of_search(search), parallel::of_search(search)];
    charts.into_iter().flatten().chain(slices::draw(search)).collect()
}

/// Every chart that there are values for, in the order of the report.
pub(super) fn all(comparison: &Comparison, verdict: &Verdict) -> Vec<Drawn> {
    let source = Source::of(comparison, verdict);
    let mut charts = curve_charts(&source);
    charts.extend(scores::draw(&source));
    charts.extend(rivals::draw(&source));
    charts.extend(images::draw(&source));
    // What a parameter does cannot be seen in scores that do not compare; of a search all trials show it, not those alone that were trained to the end.
    if verdict.data_sets() < 2 && comparison.search.is_none() {
        charts.extend(source.factors.iter().filter_map(|factor| parameter::draw(&source, factor)));
        charts.extend(heat::draw(&source));
        charts.extend(parallel::draw(&source));
        charts.extend(importance::draw(&source));
    }
    charts.extend(thresholds::draw(&source));
    let title = "Learning rate against epoch".to_owned();
    charts.extend(lr::draw(comparison, &source.focus).map(|svg| Drawn { name: "lr".to_owned(), title, svg }));
    charts.extend(scores::time(&source));
    charts
}

/// The colours of groups, light and dark, as `#rrggbb`.
pub(super) fn swatches() -> Vec<(String, String)> {
    style::group_roles().iter().map(|role| (hex(role.light), hex(role.dark))).collect()
}

/// Which of the [`swatches`] a group has.
pub(super) fn swatch(group: usize) -> Option<usize> {
    Some(group % style::group_roles().len())
}

/// The values of the charts of curves, by their names: what a page shows under the pointer.
pub(super) fn values(comparison: &Comparison, verdict: &Verdict) -> Vec<(String, Vec<curves::Values>)> {
    let focus = Focus::of(comparison, verdict);
    let classes = comparison.classes.iter().map(|class| format!("dice_{class}"));
    let stems = CURVES.map(str::to_owned).into_iter().chain(classes);
    stems.map(|stem| (file_name(&stem), curves::values_of(comparison, &focus, &stem))).collect()
}

/// What is the same in the style sheets of all charts, with every class: for a page that allows no style sheet within a chart.
pub(super) fn whole_sheet() -> String {
    style::whole_sheet()
}

fn curve_charts(source: &Source) -> Vec<Drawn> {
    let classes: Vec<String> = source.comparison.classes.iter().map(|class| format!("dice_{class}")).collect();
    let several = if classes.len() > 1 { &classes[..] } else { &[] };
    let plain: Vec<String> = CURVES.map(str::to_owned).to_vec();
    let stems = plain.iter().map(|stem| (stem, &[][..])).chain(several.iter().map(|stem| (stem, several)));
    let draw = |(stem, family): (&String, &[String])| {
        let title = format!("{} against epoch", column::title(stem));
        let svg = curves::draw(source.comparison, &source.focus, stem, family)?;
        Some(Drawn { name: file_name(stem), title, svg })
    };
    stems.filter_map(draw).collect()
}

impl<'a> Source<'a> {
    pub(crate) fn of(comparison: &'a Comparison, verdict: &'a Verdict) -> Self {
        let all = sweep::all(comparison);
        let factors = comparable::charted(&all);
        let shares = shares::shares(&factors, verdict);
        Self { comparison, verdict, focus: Focus::of(comparison, verdict), all, factors, shares }
    }

    /// What the axis of scores is called: `Validation Dice`.
    pub(crate) fn score(&self) -> String {
        let column = &self.verdict.column;
        match Split::of(column) {
            Some((split, _)) => column::capital(&format!("{} {}", split.word(), column::phrase(column))),
            None => column::title(column),
        }
    }

    /// A group's mean of what groups are compared by.
    pub(crate) fn mean(&self, group: usize) -> Option<f64> {
        self.verdict.standings.iter().find(|s| s.group == group).map(|s| s.mean).filter(|mean| mean.is_finite())
    }

    /// All parameters, the most important first, then those that change only with others.
    pub(crate) fn by_importance(&self) -> Vec<&Factor> {
        let place = |f: &Factor| {
            let share = self.shares.as_ref().and_then(|shares| shares.iter().position(|s| s.key == f.key));
            (self.factors.iter().all(|own| own.key != f.key), share)
        };
        let mut factors: Vec<&Factor> = self.all.iter().collect();
        factors.sort_by_key(|f| place(f));
        factors
    }

    /// What parameters are called.
    pub(crate) fn names<'f>(&self, factors: &[&'f Factor]) -> Vec<&'f str> {
        factors.iter().map(|factor| self.name(factor)).collect()
    }

    /// What a parameter is called: the last words of its key, as few as tell it from the others.
    pub(crate) fn name<'f>(&self, factor: &'f Factor) -> &'f str {
        let others = self.all.iter().filter(|other| other.key != factor.key).map(|other| other.key.as_str());
        let keys: Vec<&str> = std::iter::once(factor.key.as_str()).chain(others).collect();
        let length = names(&keys)[0].len();
        &factor.key[factor.key.len() - length..]
    }
}

/// Words as a part of a file's name and of names within a file.
pub(crate) fn file_name(words: &str) -> String {
    words.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '-' }).collect()
}
