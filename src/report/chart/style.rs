//! Every constant that decides how a chart looks. Lengths are in tenths of a point.

use plotters::style::RGBColor;
use std::collections::HashSet;

/// Width of a paper's column: 85 mm.
pub(crate) const COLUMN: i32 = 2409;
/// Tenths of a point in a millimetre.
pub(crate) const PER_MM: f64 = 72.0 / 25.4 * 10.0;
/// Space between the edge and what is drawn.
pub(crate) const EDGE: i32 = 20;

/// 8 pt: words and numbers.
pub(crate) const TEXT: i32 = 80;
/// 7 pt: notes.
pub(crate) const NOTE: i32 = 70;
/// Distance of two lines of text.
pub(crate) const LEADING: i32 = 100;
/// Faces of the same widths, one of which every machine has.
pub(crate) const FONT: &str = "Helvetica,Arial,'Liberation Sans',sans-serif";

pub(crate) const GRID_WIDTH: u32 = 4;
pub(crate) const AXIS_WIDTH: u32 = 6;
pub(crate) const LINE_WIDTH: u32 = 12;
pub(crate) const THIN_WIDTH: u32 = 7;
/// Paper-coloured rim of a marker.
pub(crate) const RIM_WIDTH: u32 = 9;
pub(crate) const BAND_OPACITY: f64 = 0.18;
pub(crate) const DASH: &str = "16 11";
pub(crate) const DOTS: &str = "5 12";
pub(crate) const MARK: i32 = 24;
pub(crate) const TICK: i32 = 18;
/// Smallest distance of two labels beside a chart.
pub(crate) const LABEL_GAP: i32 = 92;

/// A colour by its job: `light` is written as a plain attribute, so that the file looks right in every viewer; `class` lets the
/// style sheet replace it by `dark`.
pub(crate) struct Role {
    pub class: &'static str,
    pub light: RGBColor,
    pub dark: RGBColor,
}

const fn rgb(hex: u32) -> RGBColor {
    RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const fn role(class: &'static str, light: u32, dark: u32) -> Role {
    Role { class, light: rgb(light), dark: rgb(dark) }
}

/// Words.
pub(crate) const INK: RGBColor = rgb(0x1b1e23);
/// Notes.
pub(crate) const MUTED: RGBColor = rgb(0x5b626b);
/// Axes and ticks.
pub(crate) const AXIS: RGBColor = rgb(0x7d848d);
/// Curves that are there but not named.
pub(crate) const FAINT: RGBColor = rgb(0xb4bac2);
/// Grid lines.
pub(crate) const GRID: RGBColor = rgb(0xe2e5e9);
/// The background.
pub(crate) const PAPER: RGBColor = rgb(0xffffff);

/// All colours of charts. The groups' colours (c1 …) can be distinguished by colour-blind readers and in print, on both backgrounds. Steps
/// from bad to good (h0 …) go from the paper's brightness away: words in [`INK`] on the first half and in [`PAPER`] on the second have a
/// contrast of 4.5 or more.
pub(crate) const ROLES: [Role; 23] = [
    role("ink", 0x1b1e23, 0xe8eaed),
    role("muted", 0x5b626b, 0xa4abb5),
    role("axis", 0x7d848d, 0x7f8793),
    role("faint", 0xb4bac2, 0x545b65),
    role("grid", 0xe2e5e9, 0x31363d),
    role("paper", 0xffffff, 0x15181c),
    role("h0", 0xe9f7f7, 0x222938),
    role("h1", 0xc0e6eb, 0x26344e),
    role("h2", 0x97d5e2, 0x274064),
    role("h3", 0x72c1da, 0x284d79),
    role("h4", 0x54acd1, 0x265b8d),
    role("h5", 0x0a71b1, 0x3d9cd3),
    role("h6", 0x005ea4, 0x4ab5e0),
    role("h7", 0x0b4c92, 0x6ccdea),
    role("h8", 0x143a78, 0x92e2f0),
    role("h9", 0x162a5d, 0xc2f3f5),
    role("c1", 0x0068b5, 0x5aaef5),
    role("c2", 0xd45500, 0xff8f45),
    role("c3", 0x00936f, 0x2fd0a2),
    role("c4", 0xb8529c, 0xee9fd8),
    role("c5", 0x8a7400, 0xe3cb4f),
    role("c6", 0x3d4148, 0xc9ced6),
    role("c7", 0x2f9fd0, 0x9fdcf7),
];
const GROUP_COLORS: usize = 7;
/// Scores that lie closer together are written with a digit more.
pub(crate) const CLOSE: f64 = 0.02;
/// Steps from bad to good.
pub(crate) const STEPS: usize = 10;

/// Shapes of markers, so that colour is never the only difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Dot,
    Square,
    Up,
    Diamond,
    Down,
    Cross,
}

/// Colour of a group, the same in every chart.
pub(crate) fn group_color(group: usize) -> RGBColor {
    ROLES[ROLES.len() - GROUP_COLORS + group % GROUP_COLORS].light
}

/// The colours that groups have in turn.
pub(crate) fn group_roles() -> &'static [Role] {
    &ROLES[ROLES.len() - GROUP_COLORS..]
}

/// The step from bad to good for a part from 0 to 1.
pub(crate) fn step(part: f64) -> usize {
    ((part * STEPS as f64) as usize).min(STEPS - 1)
}

/// Its colour.
pub(crate) fn step_color(step: usize) -> RGBColor {
    ROLES[ROLES.len() - GROUP_COLORS - STEPS + step].light
}

/// The colour of words on it.
pub(crate) fn on_step(step: usize) -> RGBColor {
    if step < STEPS / 2 { INK } else { PAPER }
}

/// Marker of a group; with the colour it is unique among the first 35.
pub(crate) fn group_shape(group: usize) -> Shape {
    [Shape::Dot, Shape::Square, Shape::Up, Shape::Diamond, Shape::Down][group % 5]
}

/// Outline of the `class`-th mask class on a picture; not themed, as pictures are not.
pub(crate) fn class_color(class: usize) -> RGBColor {
    const CLASSES: [u32; 8] = [0xff3b30, 0xffe033, 0x35d0ff, 0x5cf26b, 0xff8df4, 0xff9f1c, 0xb39dff, 0xf5f5f0];
    rgb(CLASSES[class % CLASSES.len()])
}

/// Lies under outlines on pictures, so that they stay visible on bright ground and in grey.
pub(crate) const CASING: RGBColor = rgb(0x140a08);

/// The class of a colour that has one.
pub(crate) fn class_of(color: RGBColor) -> Option<&'static str> {
    ROLES.iter().find(|role| role.light == color).map(|role| role.class)
}

/// `#rrggbb`.
pub(crate) fn hex(color: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", color.0, color.1, color.2)
}

/// The rules that make a file follow a reader's dark mode, for the classes that it has.
pub(crate) fn sheet(body: &str) -> String {
    let attributes = body.split(" class=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    let classes: HashSet<&str> = attributes.flat_map(|(names, _)| names.split(' ').filter_map(|name| name.get(2..))).collect();
    in_the_dark(ROLES.iter().filter(|role| classes.contains(role.class)))
}

/// The same with every class.
pub(crate) fn whole_sheet() -> String {
    in_the_dark(ROLES.iter())
}

fn in_the_dark<'a>(roles: impl Iterator<Item = &'a Role>) -> String {
    let rule = |role: &Role| format!(".f-{0}{{fill:{1}}}.s-{0}{{stroke:{1}}}", role.class, hex(role.dark));
    format!("@media(prefers-color-scheme:dark){{{}}}", roles.map(rule).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast by WCAG 2.2.
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let linear = |c: u8| match f64::from(c) / 255.0 {
            c if c <= 0.04045 => c / 12.92,
            c => ((c + 0.055) / 1.055).powf(2.4),
        };
        let luminance = |c: RGBColor| 0.2126 * linear(c.0) + 0.7152 * linear(c.1) + 0.0722 * linear(c.2);
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn the_sheet_has_the_classes_that_are_used_and_no_other() {
        let svg = r#"<path fill="none" class="f-c1 s-paper"/><text class="f-ink">s-c2 class=&quot;f-c3&quot;</text>"#;
        let used: Vec<Role> = ROLES.into_iter().filter(|role| ["ink", "paper", "c1"].contains(&role.class)).collect();
        assert_eq!(sheet(svg), in_the_dark(used.iter()));
    }

    #[test]
    fn words_can_be_read_on_every_step_and_page() {
        let role = |color: RGBColor| ROLES.iter().find(|role| role.light == color).unwrap();
        for k in 0..STEPS {
            let (ground, words) = (role(step_color(k)), role(on_step(k)));
            assert_eq!(ground.class, format!("h{k}"));
            assert!(contrast(ground.light, words.light) >= 4.5 && contrast(ground.dark, words.dark) >= 4.5, "step {k}");
        }
        assert_eq!([0.0, 0.05, 0.1, 0.99, 1.0].map(step), [0, 0, 1, 9, 9]);
    }
}
