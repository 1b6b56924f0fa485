//! The trials of a search by the values of one key: where the good ones lie, and where it has looked. The other keys differ from dot to dot.

use super::axes::{self, Axis, Room, plot};
use super::ink::{Anchor, Face};
use super::levels::Levels;
use super::style::{self, COLUMN, EDGE, LEADING, MARK, NOTE, Shape};
use super::{Drawn, file_name};
use crate::report::search::Search;
use crate::report::sweep::{Factor, Scale};
use crate::report::{column, searched};

/// The height of the frame.
const FRAME: i32 = 800;

/// Colours fainter than this step are hard to see as dots.
const FAINTEST: usize = 2;

/// A chart for each key with two values or more, the most important key first.
pub(crate) fn draw(search: &Search) -> Vec<Drawn> {
    let factors = searched::factors(search);
    let keys: Vec<&str> = factors.iter().map(|factor| factor.key.as_str()).collect();
    let names = crate::plan::names(&keys);
    factors
        .iter()
        .zip(&names)
        .filter(|(factor, _)| factor.levels.len() > 1)
        .map(|(factor, name)| slice(search, factor, name))
        .collect()
}

fn slice(search: &Search, factor: &Factor, name: &str) -> Drawn {
    let trials = search.reached();
    let scores = trials.iter().map(|(.., score)| *score);
    let (low, high) = scores.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)));
    let title = column::capital(&search.score());
    let y = Axis::values(low, high, (f64::MIN, f64::MAX), &title).padded(0.03);
    let right = (3 * EDGE).max(if factor.scale() == Scale::Places { 0 } else { Levels::overhang(factor) });
    let levels = Levels::of(factor, name, COLUMN - EDGE - right - axes::left(&y));
    let below = EDGE + 2 * LEADING;
    let file = format!("search-{}", file_name(name));
    let ink = super::Ink::new(&file, COLUMN, 60 + FRAME + levels.height + below);
    let plot = plot(&ink, &levels.axis, &y, &Room { words: levels.height, ..Room::new(60, right, below) });
    levels.draw(&plot);
    let rungs = search.epochs().len();
    let color = |rung: usize| style::step_color(FAINTEST + (rung + 1) * (style::STEPS - 1 - FAINTEST) / rungs);
    // Those that were trained longest lie on top.
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by_key(|at| (Some(trials[*at].0.trial) == search.winner(), trials[*at].1));
    for at in order {
        let (job, rung, score) = trials[at];
        let Some(level) = factor.of_group[at] else { continue };
        let place = aside(plot.at(levels.at[level], score), job.trial, factor);
        let (shape, size) = if Some(job.trial) == search.winner() { (Shape::Diamond, 2 * MARK) } else { (Shape::Dot, MARK) };
        ink.mark(shape, place, size, color(rung));
    }
    let under = plot.y.1 + levels.height + NOTE;
    let mut x = EDGE;
    let words = "Dots: trials, the others’ values differ from dot to dot. Epochs:";
    ink.text(words, (x, under), Anchor::Start, Face::NOTES);
    x += super::ink::extent(words, Face::NOTES) + 40;
    for (rung, epochs) in search.epochs().iter().enumerate() {
        ink.mark(Shape::Dot, (x, under), MARK, color(rung));
        ink.text(&epochs.to_string(), (x + 40, under), Anchor::Start, Face::NOTES);
        x += 40 + super::ink::extent(&epochs.to_string(), Face::NOTES) + 60;
    }
    if search.winner().is_some() {
        let words = "Diamond: the winner, with its score in the search, which is flattered.";
        ink.text(words, (EDGE, under + LEADING), Anchor::Start, Face::NOTES);
    }
    let title = format!("{title} of the trials against {name}");
    let svg = ink
        .finish(&title, &format!("{} trials, each at the highest rung that it reached, darker after more epochs.", trials.len()));
    Drawn { name: file, title, svg }
}

/// Moves the dots of a value beside each other where values are names, so that each is seen.
fn aside((x, y): (i32, i32), trial: usize, factor: &Factor) -> (i32, i32) {
    if factor.numbers().is_some() && factor.levels.len() > 8 {
        return (x, y);
    }
    // The golden ratio spreads numbers in a row evenly.
    let part = (trial as f64 * 0.618_033_988_749_895).fract() - 0.5;
    (x + (part * 160.0) as i32, y)
}
