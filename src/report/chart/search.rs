//! The results of a search in the order of its jobs, the best so far, and what fresh seeds made of the winner.

use super::Drawn;
use super::axes::{AXIS_WORDS, Axis, Room, plot};
use super::ink::{Anchor, Face, Ink, Pen};
use super::style::{self, COLUMN, DASH, EDGE, LEADING, LINE_WIDTH, MARK, MUTED, NOTE, Shape};
use crate::report::column;
use crate::report::search::Search;

/// The height of the frame.
const FRAME: i32 = 900;

/// The chart; `None` while there is no result.
pub(crate) fn draw(search: &Search) -> Option<Drawn> {
    let scores = search.scores();
    let last = scores.iter().map(|(job, ..)| *job).max()?;
    let confirmed = search.confirmed();
    let all = scores.iter().map(|(_, score, _)| *score).chain(confirmed);
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)));
    let title = column::capital(&search.score());
    let y = Axis::values(low, high, (f64::MIN, f64::MAX), &title).padded(0.03);
    let x = Axis { title: "Job of the search".into(), ..Axis::epochs(last) }.padded(0.02);
    let (top, below) = (60, EDGE + 2 * LEADING);
    let ink = Ink::new("search", COLUMN, top + FRAME + AXIS_WORDS + below);
    let plot = plot(&ink, &x, &y, &Room::new(top, 3 * EDGE, below));
    // Those that were trained to the end lie on top.
    for whole in [false, true] {
        let color = if whole { style::group_color(0) } else { style::FAINT };
        for (job, score, _) in scores.iter().filter(|(.., of)| *of == whole) {
            plot.ink.mark(Shape::Dot, plot.at(*job as f64, *score), MARK, color);
        }
    }
    let best = best_so_far(&scores, column::higher_is_better(search.by()), last);
    let line: Vec<_> = best.iter().map(|(job, score)| plot.at(*job as f64, *score)).collect();
    if line.len() > 1 {
        plot.ink.line(&line, Pen::new(style::INK, LINE_WIDTH));
    }
    if let Some(score) = confirmed {
        let (_, at) = plot.at(0.0, score);
        plot.ink.line(&[(plot.x.0, at), (plot.x.1, at)], Pen::new(MUTED, LINE_WIDTH).dashed(DASH));
    }
    let under = plot.y.1 + AXIS_WORDS + NOTE;
    for (line, words) in
        (0..).zip(["Dots: trials, grey at a lower rung. Line: best so far.", "Dashed: the winner with fresh seeds."])
    {
        ink.text(words, (EDGE, under + line * LEADING), Anchor::Start, Face::NOTES);
    }
    let shown = confirmed
        .map_or_else(|| "Nothing is named yet.".to_owned(), |score| format!("The winner has {score:.4} with fresh seeds."));
    let title = format!("{title} against the jobs of the search");
    let svg = ink.finish(&title, &format!("{} results. {shown}", scores.len()));
    Some(Drawn { name: "search".to_owned(), title, svg })
}

/// The corners of the best score so far, among those of runs trained to the end.
fn best_so_far(scores: &[(usize, f64, bool)], higher: bool, last: usize) -> Vec<(usize, f64)> {
    let mut corners: Vec<(usize, f64)> = Vec::new();
    for (job, score, _) in scores.iter().filter(|(.., whole)| *whole) {
        match corners.last().copied() {
            Some((_, best)) if (*score > best) != higher || *score == best => {}
            Some((_, best)) => corners.extend([(*job, best), (*job, *score)]),
            None => corners.push((*job, *score)),
        }
    }
    corners.extend(corners.last().map(|(_, best)| (last, *best)));
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_so_far_never_falls() {
        let scores = [(1, 0.2, true), (2, 0.9, false), (3, 0.5, true), (4, 0.4, true), (6, 0.7, true)];
        let expected = [(1, 0.2), (3, 0.2), (3, 0.5), (6, 0.5), (6, 0.7), (7, 0.7)];
        assert_eq!(best_so_far(&scores, true, 7), expected);
        assert_eq!(best_so_far(&scores, false, 7), [(1, 0.2), (7, 0.2)]);
        assert_eq!(best_so_far(&[(2, 0.9, false)], true, 7), []);
    }
}
