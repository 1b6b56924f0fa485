//! The best group against its first rival, image by image: what lies above the diagonal is better with the best group, if more is better. The
//! worst images are numbered, and named below.

use super::axes::{AXIS_WORDS, Axis, Plot, Room, plot};
use super::ink::{Anchor, At, Face, Ink, Pen};
use super::key::{Key, Sign};
use super::style::{self, AXIS, COLUMN, DASH, EDGE, LEADING, MUTED, NOTE, Shape, THIN_WIDTH};
use super::{Drawn, Source, text};
use crate::report::collect::Comparison;
use crate::report::images::Measure;
use crate::report::verdict::Verdict;
use crate::report::{column, describe};
use crate::text::counted;
use std::cmp::Ordering;

/// Images that are named.
const NAMED: usize = 4;
/// Images that two groups must share.
const LEAST: usize = 3;
const FRAME: i32 = 1500;
const DOT: i32 = 18;

/// An image, with what the rival and the best group score on it.
struct Image<'a> {
    name: &'a str,
    rival: f64,
    best: f64,
}

/// The best group and its first rival, on the images of both.
pub(in crate::report) struct Rivals<'a> {
    pub best: usize,
    pub rival: usize,
    measure: Measure,
    /// The worst first, by the mean of both, so that an image that is hard for both is named.
    images: Vec<Image<'a>>,
}

impl<'a> Rivals<'a> {
    /// `None` where the best group has no rival on the same images.
    pub(in crate::report) fn of(comparison: &'a Comparison, verdict: &Verdict) -> Option<Self> {
        // The first two groups of the first data set.
        let (best, rival) = match &verdict.standings[..] {
            [best, rival, ..] if best.data == rival.data => (best.group, rival.group),
            _ => return None,
        };
        let measure = Measure::of(comparison, verdict);
        let class = measure.class.as_deref();
        let [of_best, of_rival] = [best, rival].map(|group| measure.scores(&comparison.groups[group], class));
        let both = of_best.iter().filter_map(|(name, best)| Some(Image { name, rival: *of_rival.get(name)?, best: *best }));
        let mut images: Vec<Image> = both.collect();
        let sign = if column::higher_is_better(&measure.column(class)) { 1.0 } else { -1.0 };
        let place = |image: &Image| sign * (image.best + image.rival);
        images.sort_by(|a, b| place(a).total_cmp(&place(b)).then(a.name.cmp(b.name)));
        (images.len() >= LEAST).then_some(Self { best, rival, measure, images })
    }

    /// The images that are named, the worst first.
    pub(in crate::report) fn worst(&self) -> impl Iterator<Item = &str> {
        self.images.iter().take(NAMED).map(|image| image.name)
    }
}

/// `None` where the best group has no rival on the same images.
pub(crate) fn draw(source: &Source) -> Option<Drawn> {
    let Rivals { best, rival, measure, images } = Rivals::of(source.comparison, source.verdict)?;
    let column = measure.column(measure.class.as_deref());
    let what = format!("{} of single images", column::title(&column));
    let title = format!("{what}, the best group against its rival, {} split", measure.split.word());
    let svg = picture(source, &images, [best, rival], &column, &title);
    Some(Drawn { name: "rivals".to_owned(), title, svg })
}

fn picture(source: &Source, images: &[Image], [best, rival]: [usize; 2], column: &str, title: &str) -> String {
    let values = || images.iter().flat_map(|image| [image.best, image.rival]);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let name = |group: usize| describe::shown(&source.comparison.groups[group].name);
    let room = COLUMN / 2;
    let axis = |group: usize, width: i32| {
        let words = format!("{}, {}", column::title(column), name(group));
        Axis::values(low, high, column::range(column), &text::fit(&words, style::TEXT, width)).padded(0.03)
    };
    let wins = images.iter().filter(|image| (image.best > image.rival) == column::higher_is_better(column));
    let wins = wins.filter(|image| image.best.partial_cmp(&image.rival) != Some(Ordering::Equal)).count();
    let worst = &images[..NAMED.min(images.len())];
    let named = |image: &Image| {
        let name = text::fit_ends(image.name, style::TEXT, room);
        format!("{name}: {:.3}, rival {:.3}", image.best, image.rival)
    };
    let names: Vec<String> = worst.iter().map(named).collect();
    let items = [
        (Sign::Mark(Shape::Dot, style::group_color(best)), "image, mean of the runs".to_owned()),
        (Sign::Line(Pen::new(AXIS, THIN_WIDTH).dashed(DASH)), "equal".to_owned()),
        (Sign::Nothing, format!("better than its rival in {wins} of {}", counted(images.len(), "image"))),
    ];
    let key = Key::new(items.to_vec(), COLUMN - 2 * EDGE);
    let below = key.height() + (names.len() as i32 + 1) * LEADING + EDGE;
    let ink = Ink::new("rivals", COLUMN, 60 + FRAME + AXIS_WORDS + below);
    let plot = plot(&ink, &axis(rival, FRAME + room / 3), &axis(best, FRAME), &Room::new(60, 60, below));
    dots(&plot, images, best);
    key.draw(&ink, plot.y.1 + AXIS_WORDS);
    list(&ink, &names, plot.y.1 + AXIS_WORDS + key.height() + LEADING / 2);
    let spoken: Vec<String> =
        worst.iter().map(|image| format!("{} {:.3} (rival {:.3})", image.name, image.best, image.rival)).collect();
    let description = format!(
        "One dot per image: across what {} scores, up what {} scores, each in the mean over its runs; on the dashed line both are equal. {} is \
         better in {wins} of {}. The worst images: {}.",
        name(rival),
        name(best),
        name(best),
        counted(images.len(), "image"),
        spoken.join("; ")
    );
    ink.finish(title, &description)
}

/// The worst images, a line for each.
fn list(ink: &Ink, names: &[String], first: i32) {
    ink.text("Worst images, by the mean of both:", (EDGE, first), Anchor::Start, Face { color: MUTED, ..Face::WORDS });
    for (at, name) in names.iter().enumerate() {
        let y = first + (at as i32 + 1) * LEADING;
        ink.text(&(at + 1).to_string(), (EDGE, y), Anchor::Start, Face { color: MUTED, ..Face::WORDS });
        ink.text(name, (EDGE + LEADING, y), Anchor::Start, Face::WORDS);
    }
}

/// The diagonal, the dots, and the numbers of the worst, where there is room for them.
fn dots(plot: &Plot, images: &[Image], best: usize) {
    let ink = &plot.ink;
    let corner =
        |at: f64| (plot.x.0 + ((plot.x.1 - plot.x.0) as f64 * at) as i32, plot.y.1 - ((plot.y.1 - plot.y.0) as f64 * at) as i32);
    // Both axes have the same ends, so that equal values lie from corner to corner.
    ink.line(&[corner(0.0), corner(1.0)], Pen::new(AXIS, THIN_WIDTH).dashed(DASH));
    let places: Vec<At> = images.iter().map(|image| plot.at(image.rival, image.best)).collect();
    for (x, y) in places.iter().rev() {
        ink.mark(Shape::Dot, (*x, *y), DOT, style::group_color(best));
    }
    let mut taken: Vec<At> = Vec::new();
    let face = Face { color: MUTED, ..Face::NOTES };
    for (at, (x, y)) in places.iter().take(NAMED).enumerate() {
        let free = |(a, b): &At| taken.iter().all(|(c, d)| (a - c).abs() > NOTE || (b - d).abs() > NOTE);
        let inside = |(a, b): &At| {
            (plot.x.0 + NOTE..plot.x.1 - NOTE / 2).contains(a) && (plot.y.0 + NOTE..plot.y.1 - NOTE / 2).contains(b)
        };
        let sides = [(60, 0), (-60, 0), (0, -60), (0, 60), (50, -50), (50, 50), (-50, -50), (-50, 50)];
        let far = sides.map(|(right, down)| (2 * right, 2 * down));
        let all = sides.iter().chain(&far).map(|(right, down)| (x + right, y + down));
        if let Some(found) = all.filter(inside).find(free) {
            ink.text(&(at + 1).to_string(), found, Anchor::Middle, face);
            taken.push(found);
        }
    }
}
