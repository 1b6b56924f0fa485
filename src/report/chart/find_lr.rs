//! The loss over a growing learning rate, with the suggestion and the least fitted loss.

use super::axes::{ABOVE, AXIS_WORDS, Axis, Plot, Room, plot};
use super::ink::{Anchor, Face, Ink, Pen, extent};
use super::key::{Key, Sign};
use super::style::{self, AXIS, AXIS_WIDTH, COLUMN, DASH, DOTS, EDGE, FAINT, LINE_WIDTH, MARK, MUTED, Shape, THIN_WIDTH};
use crate::record::{LrSearch, short_lr};
use crate::text::counted;
use std::ops::Range;

/// Height of the frame.
const FRAME: i32 = 1000;
/// Space between two labels.
const BETWEEN: i32 = 90;
/// Where a label's words begin behind its marker.
const WORDS_AT: i32 = 40;

/// A step that is marked.
struct Marked {
    /// Decimal logarithm of the learning rate, and the fitted loss.
    at: (f64, f64),
    shape: Shape,
    words: String,
    face: Face,
}

impl Marked {
    fn width(&self) -> i32 {
        MARK + WORDS_AT + extent(&self.words, self.face)
    }
}

/// The chart; `None` if no loss is a finite number.
pub(crate) fn draw(search: &LrSearch, of: &str) -> Option<String> {
    let least = search.least?;
    let y = losses(search, least);
    let [first, last] = [search.steps.first()?, search.steps.last()?].map(|step| step.lr.log10());
    // Free parts at both ends keep the words of the two axes apart.
    let x = Axis::decades(first, last.max(first + 0.1), "Learning rate").padded(0.06);
    let key = key(search, &y);
    let (top, below) = (2 * ABOVE, key.height() + EDGE);
    let ink = Ink::new("find-lr", COLUMN, top + FRAME + AXIS_WORDS + below);
    let plot = plot(&ink, &x, &y, &Room::new(top, 3 * EDGE, below));
    let marked = marked(search, least);
    for one in &marked {
        let (x, y) = plot.inside(one.at.0, one.at.1);
        ink.line(&[(x, plot.y.0 - 20), (x, y)], Pen::new(AXIS, AXIS_WIDTH).dashed(DOTS));
    }
    draw_lines(&plot, search);
    for (one, start) in marked.iter().zip(starts(&plot, &marked)) {
        let color = style::group_color(0);
        ink.mark(one.shape, plot.inside(one.at.0, one.at.1), MARK, color);
        ink.mark(one.shape, (start + MARK, plot.y.0 - ABOVE), MARK, color);
        ink.text(&one.words, (start + MARK + WORDS_AT, plot.y.0 - ABOVE), Anchor::Start, one.face);
    }
    key.draw(&ink, plot.y.1 + AXIS_WORDS);
    let said: Vec<&str> = marked.iter().map(|one| one.words.as_str()).collect();
    Some(ink.finish("Loss against learning rate", &format!("{of}. Fitted loss: {}.", said.join(", "))))
}

/// The suggestion, if there is one, and the least fitted loss.
fn marked(search: &LrSearch, least: usize) -> Vec<Marked> {
    let mark = |at: usize, shape: Shape, what: &str, face: Face| {
        let lr = search.steps[at].lr;
        Marked { at: (lr.log10(), search.fitted[at]), shape, words: format!("{what} {}", short_lr(lr)), face }
    };
    let suggested = search.suggested().map(|at| mark(at, Shape::Dot, "suggested", Face::HEAD));
    let least = mark(least, Shape::Diamond, "least at", Face { color: MUTED, ..Face::WORDS });
    suggested.into_iter().chain([least]).collect()
}

/// From the least value to the greatest up to the least fitted loss, and half as far again: how it falls is to be seen, not how it explodes.
fn losses(search: &LrSearch, least: usize) -> Axis {
    let all = |count: usize| {
        let of_steps = search.steps[..count].iter().flat_map(|step| [step.loss, step.smoothed]);
        of_steps.chain(search.fitted[..count].iter().copied()).filter(|value| value.is_finite())
    };
    let low = all(search.steps.len()).fold(f64::INFINITY, f64::min);
    let most = all(search.steps.len()).fold(f64::NEG_INFINITY, f64::max);
    let before = all(least + 1).fold(f64::NEG_INFINITY, f64::max);
    Axis::values(low, (before + 0.5 * (before - low)).min(most), (f64::NEG_INFINITY, f64::INFINITY), "Loss")
}

/// How the lines are drawn: the losses, their moving average, the fitted losses, and these where they lean on one side.
fn pens() -> [Pen; 4] {
    let color = style::group_color(0);
    let fitted = Pen::new(color, LINE_WIDTH);
    [Pen::new(FAINT, THIN_WIDTH), Pen::new(MUTED, THIN_WIDTH).dashed(DASH), fitted, Pen::new(color, THIN_WIDTH).dashed(DOTS)]
}

/// The parts of the fitted line and whether they have losses on both sides; they meet in a step.
fn parts(search: &LrSearch) -> Vec<(bool, Range<usize>)> {
    let (whole, all) = (search.whole.clone(), search.steps.len());
    if whole.is_empty() {
        return vec![(false, 0..all)];
    }
    let parts = [(false, 0..whole.start + 1), (true, whole.clone()), (false, whole.end - 1..all)];
    parts.into_iter().filter(|(both, part)| *both || part.len() > 1).collect()
}

fn key(search: &LrSearch, y: &Axis) -> Key {
    let [each, average, fitted, leaning] = pens();
    let above = search.steps.iter().filter(|step| step.loss > y.high).count();
    let has = |both: bool| parts(search).iter().any(|part| part.0 == both);
    let mut items = vec![(Sign::Line(each), "each update".to_owned())];
    items.extend(has(true).then(|| (Sign::Line(fitted), "fitted".to_owned())));
    items.extend(has(false).then(|| (Sign::Line(leaning), "fitted, one-sided: not searched".to_owned())));
    items.push((Sign::Line(average), "moving average".to_owned()));
    items.extend((above > 0).then(|| (Sign::Nothing, format!("{} above the axis", counted(above, "value")))));
    Key::new(items, COLUMN - 2 * EDGE)
}

fn draw_lines(plot: &Plot, search: &LrSearch) {
    plot.ink.clip((plot.x.0, plot.y.0 - 6), (plot.x.1 + 6, plot.y.1));
    let draw = |of: &dyn Fn(usize) -> f64, steps: Range<usize>, pen: Pen| {
        // Only the last can be no number: the search ends there.
        let finite = steps.filter(|at| of(*at).is_finite());
        plot.ink.line(&finite.map(|at| plot.at(search.steps[at].lr.log10(), of(at))).collect::<Vec<_>>(), pen);
    };
    let ([each, average, fitted, leaning], all) = (pens(), 0..search.steps.len());
    draw(&|at| search.steps[at].loss, all.clone(), each);
    draw(&|at| search.steps[at].smoothed, all, average);
    parts(search).into_iter().for_each(|(both, part)| draw(&|at| search.fitted[at], part, if both { fitted } else { leaning }));
    plot.ink.close();
}

/// Where labels begin: the suggestion, which is never right of the least, reaches from its line to the left and the least to the right, as far as
/// the sheet has room.
fn starts(plot: &Plot, marked: &[Marked]) -> Vec<i32> {
    let place = |one: &Marked| plot.at(one.at.0, 0.0).0;
    let right = |one: &Marked| (place(one) - MARK).min(COLUMN - EDGE - one.width());
    match marked {
        [suggested, least] => {
            let free = right(least) - BETWEEN;
            let start = ((place(suggested) + MARK).min(free) - suggested.width()).max(EDGE);
            vec![start, right(least).max(start + suggested.width() + BETWEEN)]
        }
        others => others.iter().map(right).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, show_svg, words};
    use super::*;
    use crate::record::LrStep;

    /// Losses of so many decades from 1e-7 on that fall fastest at `steepest` and are least at `least`, as parts of the way.
    fn search(decades: f64, [steepest, least]: [f64; 2], noise: f64, rise: f64) -> LrSearch {
        let steps = 100;
        let place = |part: f64| (part * f64::from(steps - 1)).round() as usize;
        let step = |at: i32| {
            let part = f64::from(at) / f64::from(steps - 1);
            let fall = 1.0 / (1.0 + (12.0 * (part - steepest)).exp());
            let fitted = 0.3 + 0.4 * fall + rise * (part - least).max(0.0).powi(2);
            let loss = fitted + noise * (f64::from(at) * 2.4).sin();
            (LrStep { lr: 1e-7 * 10f64.powf(decades * part), loss, smoothed: fitted + 0.2 * part }, fitted)
        };
        let (steps, fitted) = (0..steps).map(step).unzip();
        LrSearch { steps, fitted, whole: 7..93, steepest: Some(place(steepest)), least: Some(place(least)) }
    }

    #[test]
    fn words_keep_clear_wherever_the_marks_are() {
        for (k, marks) in
            [[0.5, 0.8], [0.12, 0.14], [0.95, 0.99], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.4, 0.41]].into_iter().enumerate()
        {
            for decades in [7.0, 3.0, 0.4] {
                let svg = draw(&search(decades, marks, 0.1, 40.0), "tiny, seed 1").unwrap();
                show_svg(&format!("find-lr-{k}-{decades}"), &svg);
                check(&svg, true);
                let words = words(&svg);
                assert!(
                    words.iter().any(|w| w.starts_with("suggested ")) && words.iter().any(|w| w.starts_with("least at ")),
                    "{words:?}"
                );
            }
        }
    }

    #[test]
    fn a_search_without_a_suggestion_has_a_chart_and_one_without_a_number_has_none() {
        let mut found = LrSearch { steepest: None, ..search(7.0, [0.5, 0.8], 0.1, 40.0) };
        let last = found.steps.last_mut().unwrap();
        (last.loss, last.smoothed) = (f64::NAN, f64::NAN);
        *found.fitted.last_mut().unwrap() = f64::NAN;
        let svg = draw(&found, "tiny").unwrap();
        check(&svg, true);
        assert!(!svg.contains("NaN") && !svg.contains("suggested"), "{svg}");
        found.steps.truncate(1);
        found.fitted.truncate(1);
        found.whole = 0..0;
        found.least = Some(0);
        check(&draw(&found, "tiny").unwrap(), true);
        assert_eq!(draw(&LrSearch { least: None, ..found }, "tiny"), None);
    }

    #[test]
    fn what_leans_on_one_side_is_drawn_apart_and_named() {
        let found = search(7.0, [0.5, 0.8], 0.1, 40.0);
        assert_eq!(parts(&found), [(false, 0..8), (true, 7..93), (false, 92..100)]);
        let all = LrSearch { whole: 0..100, ..found.clone() };
        assert_eq!(parts(&LrSearch { whole: 0..0, ..found.clone() }), [(false, 0..100)]);
        let [apart, all] = [&found, &all].map(|found| draw(found, "tiny").unwrap());
        let dotted = |svg: &str| svg.matches(&format!("stroke-dasharray=\"{DOTS}\"")).count();
        assert_eq!(dotted(&apart), dotted(&all) + 3, "both ends and the key");
        let named = |svg: &str| words(svg).iter().any(|w| w.starts_with("fitted, one-sided"));
        assert!(named(&apart) && !named(&all));
    }

    #[test]
    fn a_loss_that_explodes_does_not_flatten_what_fell() {
        let y = losses(&search(7.0, [0.5, 0.8], 0.05, 1e4), 79);
        assert!(y.low >= 0.2 && y.high <= 1.1, "{} to {}", y.low, y.high);
    }
}
