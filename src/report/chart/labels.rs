//! Labels at the right end of a plot, one a group, that keep their distance from each other.

use super::axes::{ABOVE, Plot};
use super::focus::Focus;
use super::ink::{Anchor, At, Face, Pen, extent};
use super::key::Key;
use super::style::{self, AXIS_WIDTH, EDGE, LABEL_GAP, MARK, MUTED, Shape, TEXT};
use super::text;
use crate::plan::{names, spoken};
use plotters::style::RGBColor;

/// A group's name, and the swept keys with its values.
type Named = (String, Vec<(String, String)>);

/// Where words begin behind the marker, and the markers behind the leaders.
const WORDS_AT: i32 = 45;
const MARK_AT: i32 = 30;

/// What is written at the ends of curves, in the order of the groups.
pub(crate) struct Labels {
    /// The groups that are named, and what is written beside each one's marker.
    pub words: Vec<(usize, String)>,
    /// What the words are values of.
    pub head: Option<String>,
    /// Whether the words are numbers into a list of names.
    pub numbered: bool,
}

impl Labels {
    const MOST: i32 = 680;

    /// Chooses what fits: values if one key is swept, names, or numbers; nothing for a single group.
    pub(crate) fn of(groups: &[Named], focus: &Focus) -> Self {
        let shown: Vec<usize> = (0..groups.len()).filter(|group| focus.shows(*group)).collect();
        let with = |words: Vec<String>| shown.iter().copied().zip(words).collect();
        if groups.len() < 2 {
            return Self { words: with(vec![String::new(); groups.len()]), head: None, numbered: false };
        }
        let fits = |words: &[String]| words.iter().all(|w| text::width(w, TEXT) <= Self::MOST);
        let key = groups[0].1.first().map(|(key, _)| key.clone());
        let one = groups.iter().all(|g| g.1.len() == 1 && g.1.first().map(|d| &d.0) == key.as_ref());
        let values: Vec<String> = shown.iter().filter_map(|g| groups[*g].1.first()).map(|(_, value)| spoken(value)).collect();
        if one && fits(&values) {
            let head = key.map(|key| text::fit(names(&[&key])[0], TEXT, Self::MOST));
            return Self { words: with(values), head, numbered: false };
        }
        let names: Vec<String> = shown.iter().map(|g| groups[*g].0.replace('"', "")).collect();
        if fits(&names) {
            return Self { words: with(names), head: None, numbered: false };
        }
        Self { words: with(shown.iter().map(|n| (n + 1).to_string()).collect()), head: None, numbered: true }
    }

    /// The names behind the numbers; empty where names are written out.
    pub(crate) fn list(&self, groups: &[Named], most: i32) -> Key {
        let names: Vec<(usize, String)> = self.words.iter().map(|(g, _)| (*g, groups[*g].0.replace('"', ""))).collect();
        if self.numbered { Key::of_groups(&names, most) } else { Key::empty() }
    }

    /// The space they take beside a plot.
    pub(crate) fn width(&self) -> i32 {
        let widest =
            self.words.iter().map(|(_, words)| words).chain(&self.head).map(|w| extent(w, Face::WORDS)).max().unwrap_or(0);
        if widest == 0 { 3 * EDGE } else { self.leader() + MARK_AT + WORDS_AT + widest + EDGE }
    }

    /// Length of the leaders: many of them run far up and down and are kept from standing on each other.
    fn leader(&self) -> i32 {
        if self.words.len() > 6 { 130 } else { 40 }
    }

    /// Writes the labels of the curves that have an end: for each group the place of its last value.
    pub(crate) fn draw(&self, plot: &Plot, ends: &[Option<At>]) {
        if self.words.iter().all(|(_, words)| words.is_empty()) {
            return;
        }
        let shown = self.words.iter().filter_map(|(group, words)| {
            let sign = Some((style::group_shape(*group), style::group_color(*group)));
            Some(End { at: ends[*group]?, group: Some(*group), sign, words })
        });
        beside(plot, &shown.collect::<Vec<_>>(), self.leader());
        if let Some(head) = &self.head {
            let x = plot.x.1 + self.leader() + MARK_AT - MARK;
            plot.ink.text(head, (x, plot.y.0 - ABOVE), Anchor::Start, Face { color: MUTED, ..Face::WORDS });
        }
    }
}

/// The end of a curve and what is written beside it.
pub(crate) struct End<'a> {
    pub at: At,
    /// Whose curve it is, if it is a group's.
    pub group: Option<usize>,
    pub sign: Option<(Shape, RGBColor)>,
    pub words: &'a str,
}

/// Words beside a plot, with leaders from the curves that reach its right edge.
pub(crate) fn beside(plot: &Plot, ends: &[End], leader: i32) {
    let want: Vec<i32> = ends.iter().map(|end| end.at.1).collect();
    let (right, mark) = (plot.x.1, plot.x.1 + leader + MARK_AT);
    for (end, y) in ends.iter().zip(spread(&want, LABEL_GAP, plot.y)) {
        let color = end.sign.map_or(MUTED, |sign| sign.1);
        end.group.inspect(|group| plot.ink.group(*group));
        if end.at.0 == right {
            let pen = Pen { opacity: 0.7, ..Pen::new(color, AXIS_WIDTH) };
            plot.ink.line(&[(right + 6, end.at.1), (mark - MARK_AT, y)], pen);
        }
        if let Some((shape, color)) = end.sign {
            plot.ink.mark(shape, (mark, y), MARK, color);
        }
        let behind = if end.sign.is_some() { WORDS_AT } else { -MARK_AT / 2 };
        plot.ink.text(end.words, (mark + behind, y), Anchor::Start, Face::WORDS);
        end.group.inspect(|_| plot.ink.close());
    }
}

/// Spreads labels so that neighbours are `gap` apart, moving them as little as possible in the sense of least squares (pool
/// adjacent violators), and keeps them within `low..=high` if they fit there.
pub(crate) fn spread(want: &[i32], gap: i32, (low, high): (i32, i32)) -> Vec<i32> {
    let mut order: Vec<usize> = (0..want.len()).collect();
    order.sort_by_key(|&i| want[i]);
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (k, &i) in order.iter().enumerate() {
        blocks.push((f64::from(want[i] - k as i32 * gap), 1));
        while let [.., a, b] = blocks[..]
            && a.0 >= b.0
        {
            blocks.truncate(blocks.len() - 2);
            blocks.push(((a.0 * a.1 as f64 + b.0 * b.1 as f64) / (a.1 + b.1) as f64, a.1 + b.1));
        }
    }
    let bases = blocks.iter().flat_map(|(base, count)| std::iter::repeat_n(base.round() as i32, *count));
    let top = (high - (want.len() as i32 - 1) * gap).max(low);
    let mut places = vec![0; want.len()];
    for ((k, &i), base) in order.iter().enumerate().zip(bases) {
        places[i] = base.clamp(low, top) + k as i32 * gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_distance_and_their_order() {
        let places = spread(&[500, 505, 498, 900], 92, (0, 1000));
        assert_eq!(places, [501, 593, 409, 900]);
        assert_eq!(spread(&[990, 995], 92, (0, 1000)), [908, 1000]);
        assert_eq!(spread(&[], 92, (0, 10)), Vec::<i32>::new());
    }

    fn group(name: &str, differs: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
        (name.to_owned(), differs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn labels_say_as_much_as_fits() {
        let short = [group("up \"a\"", &[("model.unet.up", "\"a\"")]), group("up \"b\"", &[("model.unet.up", "\"b\"")])];
        let labels = Labels::of(&short, &Focus::all(2));
        assert_eq!((labels.words, labels.head), (vec![(0, "a".to_owned()), (1, "b".to_owned())], Some("up".to_owned())));
        let long = "channels [64, 128, 256, 512, 1024]";
        let labels = Labels::of(&[group(long, &[]), group("all", &[])], &Focus::all(2));
        assert!(labels.numbered);
        assert_eq!(Labels::of(&short[..1], &Focus::all(1)).words, [(0, String::new())]);
    }
}
