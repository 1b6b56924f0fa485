//! Dice over the threshold, and precision over recall: a curve for the best run of each group, with the threshold in use marked.

use super::axes::{ABOVE, AXIS_WORDS, Axis, Plot, Room, plot};
use super::ink::{At, Ink, Pen};
use super::key::{Key, Sign};
use super::labels::Labels;
use super::style::{self, COLUMN, EDGE, FAINT, LABEL_GAP, LINE_WIDTH, MARK, MUTED, Shape, THIN_WIDTH};
use super::{Drawn, Source, file_name};
use crate::record::ThresholdRow;
use crate::report::describe;
use crate::report::thresholds::{Curve, curves, split};

const FRAME: i32 = 1050;

/// A kind of chart: what a row is drawn at, if anywhere.
struct Kind {
    file: &'static str,
    title: &'static str,
    axes: [&'static str; 2],
    at: fn(&ThresholdRow) -> Option<(f64, f64)>,
}

const KINDS: [Kind; 2] = [
    Kind {
        file: "thresholds",
        title: "Dice over threshold",
        axes: ["Threshold", "Dice"],
        at: |row| row.dice.is_finite().then_some((row.threshold, row.dice)),
    },
    Kind {
        file: "precision-recall",
        title: "Precision over recall",
        axes: ["Recall", "Precision"],
        // Where nothing is predicted there is no precision.
        at: |row| (row.counts[0] + row.counts[1] > 0).then_some((row.recall, row.precision)),
    },
];

/// Both charts of every class that has curves.
pub(crate) fn draw(source: &Source) -> Vec<Drawn> {
    let classes = &source.comparison.classes;
    let several = classes.len() > 1;
    let of = |kind: &'static Kind| classes.iter().filter_map(move |class| chart(source, kind, class, several));
    KINDS.iter().flat_map(of).collect()
}

fn chart(source: &Source, kind: &Kind, class: &str, several: bool) -> Option<Drawn> {
    let (comparison, focus) = (source.comparison, &source.focus);
    let curves = curves(comparison, class);
    if curves.iter().all(|curve| places(kind, curve).is_empty()) {
        return None;
    }
    let split = split(comparison).word();
    let of_class = if several { format!(", {class}") } else { String::new() };
    let title = format!("{}{of_class}, {split} split", kind.title);
    let name = format!("{}{}", kind.file, if several { format!("-{}", file_name(class)) } else { String::new() });
    let swept = comparison.swept();
    let labels = Labels::of(&swept, focus);
    let list = labels.list(&swept, COLUMN - 2 * EDGE);
    let key = key(source);
    let top = if labels.head.is_none() { 60 } else { 2 * ABOVE };
    let frame = FRAME.max(focus.count() as i32 * LABEL_GAP);
    let below = key.height() + list.height() + EDGE;
    let ink = Ink::new(&name, COLUMN, top + frame + AXIS_WORDS + below);
    let [x, y] = kind.axes.map(|title| Axis::values(0.0, 1.0, (0.0, 1.0), title));
    let plot = plot(&ink, &x, &y, &Room::new(top, labels.width(), below));
    draw_curves(&plot, source, kind, &curves);
    labels.draw(&plot, &ends(&plot, source, kind, &curves));
    let under = plot.y.1 + AXIS_WORDS;
    key.draw(&ink, under);
    list.draw(&ink, under + key.height());
    let svg = ink.finish(&title, &description(source, &curves));
    Some(Drawn { name, title, svg })
}

/// Places of a curve in the axes' units, from left to right.
fn places(kind: &Kind, curve: &Curve) -> Vec<(f64, f64)> {
    let mut places: Vec<(f64, f64)> = curve.rows.iter().filter_map(|row| (kind.at)(row)).collect();
    if places.first().zip(places.last()).is_some_and(|(first, last)| first.0 > last.0) {
        places.reverse();
    }
    places
}

fn draw_curves(plot: &Plot, source: &Source, kind: &Kind, curves: &[Curve]) {
    let line = |curve: &Curve, pen: Pen| {
        let points: Vec<At> = places(kind, curve).into_iter().map(|(x, y)| plot.at(x, y)).collect();
        if points.len() > 1 {
            plot.ink.line(&points, pen);
        }
    };
    let (named, others): (Vec<&Curve>, Vec<&Curve>) = curves.iter().partition(|curve| source.focus.shows(curve.group));
    others.into_iter().for_each(|curve| line(curve, Pen::new(FAINT, THIN_WIDTH)));
    // The first group is drawn last: it lies on top wherever lines meet.
    named.iter().rev().for_each(|curve| line(curve, Pen::new(style::group_color(curve.group), LINE_WIDTH)));
    for curve in named.iter().rev() {
        if let Some((x, y)) = curve.in_use().and_then(kind.at) {
            plot.ink.mark(style::group_shape(curve.group), plot.at(x, y), MARK, style::group_color(curve.group));
        }
    }
}

/// The right ends of the curves, in the order of the groups.
fn ends(plot: &Plot, source: &Source, kind: &Kind, curves: &[Curve]) -> Vec<Option<At>> {
    let mut ends = vec![None; source.comparison.groups.len()];
    for curve in curves {
        ends[curve.group] = places(kind, curve).last().map(|(x, y)| plot.at(*x, *y));
    }
    ends
}

fn key(source: &Source) -> Key {
    let run = if source.comparison.groups.len() > 1 { "best run of a group" } else { "best run" };
    let items = [
        (Sign::Line(Pen::new(MUTED, LINE_WIDTH)), run.to_owned()),
        (Sign::Mark(Shape::Dot, MUTED), "threshold in use".to_owned()),
    ];
    let others = source.focus.others().map(|words| (Sign::Line(Pen::new(FAINT, THIN_WIDTH)), words));
    Key::new(items.into_iter().chain(others).collect(), COLUMN - 2 * EDGE)
}

fn description(source: &Source, curves: &[Curve]) -> String {
    let at = |curve: &Curve| {
        let row = curve.in_use()?;
        let name = describe::shown(&source.comparison.groups[curve.group].name);
        let numbers = format!("Dice {:.4}, precision {:.4}, recall {:.4}", row.dice, row.precision, row.recall);
        Some(format!("{name} at {}: {numbers}", curve.used))
    };
    let shown: Vec<String> = curves.iter().filter(|curve| source.focus.shows(curve.group)).filter_map(at).collect();
    format!("Dice is the mean over images, precision and recall are of the pixels of all images. {}.", shown.join("; "))
}
