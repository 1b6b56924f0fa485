//! Strips: one row per group with one dot per run, the mean and its interval.

use super::axes::{ABOVE, AXIS_WORDS, Axis, Plot, Room, plot};
use super::ink::{Anchor, Face, Ink, Pen};
use super::key::{Key, Sign};
use super::style::{self, COLUMN, EDGE, GRID, GRID_WIDTH, LEADING, LINE_WIDTH, MARK, MUTED, Shape, TEXT, THIN_WIDTH};
use super::swarm::swarm;
use super::text;

/// A group.
pub(crate) struct Row {
    /// Decides colour and marker.
    pub group: usize,
    pub name: String,
    pub rank: Option<usize>,
    /// The mean in words.
    pub words: String,
    /// A value a run.
    pub dots: Vec<f64>,
    pub mean: f64,
    pub interval: Option<(f64, f64)>,
    /// Runs that have no value since they failed.
    pub failed: usize,
}

/// The whole chart.
pub(crate) struct Strip<'a> {
    pub id: &'a str,
    pub axis: Axis,
    pub rows: Vec<Row>,
    /// Groups that there is no room for.
    pub more: usize,
    /// What the words of the means are.
    pub head: String,
    /// What a dot is.
    pub dot: String,
}

/// Where things stand.
struct Places {
    /// Left end of names, behind rank and marker.
    names: i32,
    left: i32,
    right: i32,
    /// Lines of each name above its strip; empty where names stand beside strips.
    lines: Vec<Vec<String>>,
}

const ROW: i32 = 132;
const DOT: i32 = 20;
/// How far dots are moved up and down at most.
const ASIDE: i32 = 46;
const WIDEST_NAME: i32 = 720;
const LANE: i32 = 90;

impl Strip<'_> {
    pub(crate) fn draw(&self, title: &str, description: &str) -> String {
        let places = self.places();
        let heights: Vec<i32> = (0..self.rows.len()).map(|k| places.above(k) + ROW).collect();
        let key = self.key();
        let (top, below) = (2 * ABOVE, key.height() + EDGE);
        let frame: i32 = heights.iter().sum();
        let ink = Ink::new(self.id, COLUMN, top + frame + AXIS_WORDS + below);
        let rows = Axis { low: 0.0, high: 1.0, ticks: Vec::new(), title: String::new() };
        let room = Room { left: Some(places.left), ..Room::new(top, places.right - EDGE, below) };
        let axis = self.axis.clone().sparse(COLUMN - places.left - places.right);
        let plot = plot(&ink, &axis, &rows, &room);
        self.heads(&plot);
        let mut upper = plot.y.0;
        for (k, row) in self.rows.iter().enumerate() {
            let y = upper + places.above(k) + ROW / 2;
            self.draw_row(&plot, row, y);
            self.name(&plot, &places, k, upper);
            upper += heights[k];
        }
        key.draw(&ink, plot.y.1 + AXIS_WORDS);
        ink.finish(title, description)
    }

    fn places(&self) -> Places {
        let widest = |of: &dyn Fn(&Row) -> String| self.rows.iter().map(|r| text::width(&of(r), TEXT)).max().unwrap_or(0);
        let ranks = widest(&|r| r.rank.map(|rank| rank.to_string()).unwrap_or_default());
        let names = EDGE + if ranks > 0 { ranks.max(text::width("Rank", style::NOTE)) + 30 } else { 0 } + 2 * MARK + 40;
        let failed = if self.rows.iter().any(|r| r.failed > 0) { LANE } else { 0 };
        let right = widest(&|r| r.words.clone()).max(text::width(&self.head, style::NOTE)) + 50 + EDGE;
        let name = widest(&|r| r.name.clone());
        if name <= WIDEST_NAME {
            return Places { names, left: names + name + 50 + failed, right, lines: Vec::new() };
        }
        let lines = |row: &Row| text::wrap_most(&row.name, TEXT, COLUMN - EDGE - names, 3);
        Places { names, left: names + failed, right, lines: self.rows.iter().map(lines).collect() }
    }

    fn heads(&self, plot: &Plot) {
        let y = plot.y.0 - ABOVE + 10;
        if self.rows.iter().any(|r| r.rank.is_some()) {
            plot.ink.text("Rank", (EDGE, y), Anchor::Start, Face::NOTES);
        }
        plot.ink.text(&self.head, (COLUMN - EDGE, y), Anchor::End, Face::NOTES);
    }

    /// Rank, marker and name of a row that begins at a height, and its mean in words.
    fn name(&self, plot: &Plot, places: &Places, k: usize, upper: i32) {
        let (row, ink) = (&self.rows[k], &plot.ink);
        let middle = upper + places.above(k) + ROW / 2;
        let first = if places.lines.is_empty() { middle } else { upper + LEADING / 2 + 20 };
        if let Some(rank) = row.rank {
            ink.text(&rank.to_string(), (EDGE, first), Anchor::Start, Face::WORDS);
        }
        let mark = places.names - MARK - 30;
        ink.mark(style::group_shape(row.group), (mark, first), MARK, style::group_color(row.group));
        match places.lines.get(k) {
            None => ink.text(&row.name, (places.names, first), Anchor::Start, Face::WORDS),
            Some(lines) => lines.iter().enumerate().for_each(|(n, line)| {
                ink.text(line, (places.names, first + n as i32 * LEADING), Anchor::Start, Face::WORDS);
            }),
        }
        ink.text(&row.words, (COLUMN - EDGE, middle), Anchor::End, Face::WORDS);
    }

    fn draw_row(&self, plot: &Plot, row: &Row, y: i32) {
        let (ink, color) = (&plot.ink, style::group_color(row.group));
        for (tick, _) in &self.axis.ticks {
            let (x, _) = plot.at(*tick, 0.0);
            ink.line(&[(x, y - ROW / 2), (x, y + ROW / 2)], Pen::new(GRID, GRID_WIDTH));
        }
        if row.failed > 0 {
            let x = plot.x.0 - LANE / 2 - 10;
            ink.mark(Shape::Cross, (x, y), MARK, color);
        }
        if let Some(interval) = row.interval {
            span(plot, interval, y, Pen::new(color, LINE_WIDTH));
        }
        // The tick lies below the dots and sticks out: with few runs they lie close to their mean.
        let (x, _) = plot.at(row.mean, 0.0);
        ink.line(&[(x, y - 58), (x, y + 58)], Pen::new(style::INK, LINE_WIDTH));
        let places: Vec<i32> = row.dots.iter().map(|v| plot.at(*v, 0.0).0).collect();
        let (moved, radius) = swarm(&places, DOT, ASIDE);
        for (x, aside) in places.iter().zip(moved) {
            ink.mark(style::group_shape(row.group), (*x, y + aside), radius, color);
        }
    }

    fn key(&self) -> Key {
        let several = self.rows.iter().any(|r| r.interval.is_some());
        let failed: usize = self.rows.iter().map(|r| r.failed).sum();
        let mut items = vec![(Sign::Mark(Shape::Dot, MUTED), self.dot.clone()), (Sign::Tick(style::INK), "mean".to_owned())];
        if several {
            items.push((Sign::Line(Pen::new(MUTED, LINE_WIDTH)), "95 % interval of the mean".to_owned()));
        }
        if failed > 0 {
            items.push((Sign::Mark(Shape::Cross, MUTED), "a run or more failed".to_owned()));
        }
        if self.more > 0 {
            items.push((Sign::Nothing, format!("{} more below the {} best", self.more, self.rows.len())));
        }
        Key::new(items, COLUMN - 2 * EDGE)
    }
}

impl Places {
    /// Height of a row's name above its strip.
    fn above(&self, row: usize) -> i32 {
        self.lines.get(row).map_or(0, |lines| lines.len() as i32 * LEADING + 24)
    }
}

/// An interval as a line with bars at its ends, or arrows where it goes on beyond the frame.
fn span(plot: &Plot, (low, high): (f64, f64), y: i32, pen: Pen) {
    let ends = [plot.at(low, 0.0).0, plot.at(high, 0.0).0];
    let shown = ends.map(|x| x.clamp(plot.x.0, plot.x.1));
    plot.ink.line(&[(shown[0], y), (shown[1], y)], pen);
    for (k, inward) in [(0, 1), (1, -1)] {
        let x = shown[k];
        if x == ends[k] {
            plot.ink.line(&[(x, y - 20), (x, y + 20)], Pen { width: THIN_WIDTH, ..pen });
        } else {
            plot.ink.line(&[(x + 26 * inward, y - 22), (x, y), (x + 26 * inward, y + 22)], pen);
        }
    }
}
