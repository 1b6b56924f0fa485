//! The file of a proposal: a key a line, with the reason behind it.

use super::Wish;
use super::rules::{Choice, Frame};
use crate::config::{ChannelAxis, Dataset};
use crate::data::Survey;
use crate::text::{clock, counted};
use std::time::Duration;

/// Where comments begin.
const COLUMN: usize = 40;

/// Keys of a data set as a reader wants them; others follow.
const ORDER: [&str; 7] = ["root", "images", "masks", "labels", "pairs", "classes", "mask_values"];

/// The line of the learning rate.
pub(super) fn lr() -> String {
    let mut lines = Lines::default();
    lines.key("lr", "0.001", "`umlaut find-lr` tries others");
    lines.text
}

/// The same where a range test has measured one.
pub(super) fn measured_lr(lr: f64) -> String {
    let mut lines = Lines::default();
    lines.key("lr", &format!("{lr:.1e}"), "by a range test of these data");
    lines.text
}

/// The text of an experiment. `known` are the network's parameters and the seconds of the run.
pub(super) fn experiment(
    survey: &Survey,
    wish: Wish,
    frame: &Frame,
    choice: &Choice,
    known: Option<(u64, Option<f64>)>,
) -> String {
    let mut lines = Lines::default();
    lines.plain(format!("# For {}: {}.", one_line(wish.folder), found(survey, frame)));
    lines.plain("# Every other key, with its default: `umlaut init FILE`. Why these values: `umlaut help init`.".to_owned());
    lines.plain(format!("name = {}", quoted(wish.name)));
    dataset(&mut lines, survey);
    preprocess(&mut lines, survey, frame);
    split(&mut lines, survey, choice);
    augment(&mut lines, frame);
    network(&mut lines, choice, known);
    lines.text
}

fn found(survey: &Survey, frame: &Frame) -> String {
    let [h, w] = frame.median;
    let size = if frame.mixed { format!("of various sizes about {h} × {w}") } else { format!("of {h} × {w}") };
    let kind = match survey.channels {
        1 => "grey".to_owned(),
        3 => "colour".to_owned(),
        n => format!("{n} channels"),
    };
    format!(
        "{} {size} (height × width), {kind}, {}",
        counted(survey.names.len(), "image"),
        counted(survey.classes.len(), "class")
    )
}

fn dataset(lines: &mut Lines, survey: &Survey) {
    let all = toml::Table::try_from(&survey.dataset).expect("what was read from TOML can be written");
    let (kind, table) = all.into_iter().next().expect("a data set is one of the kinds");
    let toml::Value::Table(mut table) = table else { unreachable!("each kind is a table") };
    // What the defaults say as well is left out, and tables come last.
    for (key, default) in [("colour", "auto"), ("axis", "third")] {
        if table.get(key).and_then(toml::Value::as_str) == Some(default) {
            table.remove(key);
        }
    }
    if let Dataset::Folders(folders) = &survey.dataset {
        if folders.channel_axis == ChannelAxis::Auto {
            table.remove("channel_axis");
        }
        let by_tables = !folders.levels.is_empty() || !folders.colours.is_empty() || !folders.class_masks.is_empty();
        if by_tables {
            table.remove("mask_values");
        }
        if !folders.class_masks.is_empty() || folders.pairs.is_some() {
            table.remove("masks");
        }
        if folders.pairs.is_some() {
            table.remove("images");
        }
    }
    lines.table(&format!("dataset.{kind}"), &survey.layout);
    let place = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    let mut plain: Vec<_> = table.iter().filter(|(_, value)| !value.is_table()).collect();
    plain.sort_by_key(|(key, _)| place(key));
    for (key, value) in plain {
        let why = match key.as_str() {
            "classes" => "in the order of the network's outputs; any names will do",
            "mask_values" if value.as_str() == Some("binary") => "masks are black and white",
            "mask_values" => "masks hold 0 for the background and k for the k-th class",
            _ => "",
        };
        lines.key(key, &value.to_string(), why);
    }
    for (key, value) in table.iter() {
        let Some(inner) = value.as_table() else { continue };
        lines.table(
            &format!("dataset.{kind}.{key}"),
            match key.as_str() {
                "levels" => "the values of each class in a mask",
                "colours" => "the colour of each class in a mask",
                _ => "",
            },
        );
        inner.iter().for_each(|(key, value)| lines.key(key, &value.to_string(), ""));
    }
}

fn preprocess(lines: &mut Lines, survey: &Survey, frame: &Frame) {
    let ([h, w], [mh, mw]) = (frame.size, frame.median);
    let thick = frame.thickness.map_or(String::new(), |t| format!("; objects are {t:.0} pixels thick there"));
    let why = match frame.patches {
        Some(_) => "as the images are: smaller ones would lose the thin objects".to_owned(),
        None if [h, w] == [mh, mw] => format!("as the images are{thick}"),
        None => format!("{mh} × {mw} made smaller or filled up{thick}"),
    };
    lines.table("preprocess", "");
    lines.key("size", &format!("[{h}, {w}]"), &why);
    if let Some(why) = &survey.spread {
        lines.key("intensity", "\"percentiles\"", &format!("{why}; each image's 0.5th to 99.5th percentile"));
    }
    lines.key("normalise", "\"image\"", "each image to mean 0 and deviation 1, as nnU-Net does");
    if let Some((side, per_image)) = frame.patches {
        let thin = frame.thickness.map_or(String::new(), |t| format!("objects are only {t:.0} pixels thick: "));
        lines.table("patches", &format!("{thin}random patches train, overlapping tiles predict"));
        lines.key("size", &format!("[{side}, {side}]"), "");
        lines.key("per_image", &per_image.to_string(), "of each image in an epoch");
    }
}

fn split(lines: &mut Lines, survey: &Survey, choice: &Choice) {
    let [train, val, test] = choice.split;
    let shares = choice.shares;
    lines.table("split.fractions", &format!("about {train} train, {val} validate, {test} test"));
    for (key, share) in ["train", "val", "test"].into_iter().zip(shares) {
        lines.key(key, &format!("{share:?}"), "");
    }
    if let Some(groups) = &survey.groups {
        let (name, samples) = &groups.example;
        let why = format!("{} groups by name: {} of {name} stay together", groups.count, counted(*samples, "sample"));
        lines.key("group", &format!("'{}'", groups.pattern), &why);
    } else if survey.in_order && survey.names.len() >= 30 {
        lines.key("group", "'^(\\d+)\\d$'", "neighbouring slices look alike: each ten stay together");
    }
}

fn augment(lines: &mut Lines, frame: &Frame) {
    let [h, w] = frame.patches.map_or(frame.size, |(side, _)| [side; 2]);
    lines.table("augment", "as nnU-Net's, fewer kinds");
    lines.key("flip_horizontal", "0.5", "0 where left and right mean something");
    lines.key("flip_vertical", "0.5", "0 where up and down mean something");
    if h == w {
        lines.key("rotate90", "0.5", "");
    }
    lines.key("scale", "{ probability = 0.3, factor = [0.8, 1.25] }", "");
    lines.key("brightness", "{ probability = 0.3, add = [-0.15, 0.15] }", "");
    lines.key("contrast", "{ probability = 0.3, factor = [0.75, 1.3] }", "");
}

fn network(lines: &mut Lines, choice: &Choice, known: Option<(u64, Option<f64>)>) {
    let (parameters, seconds) = known.unwrap_or((0, None));
    lines.table("model.unet", "");
    let millions =
        format!("{:.1} million parameters: as wide as the time allows, as deep as the size does", parameters as f64 / 1e6);
    lines.key("channels", &format!("{:?}", choice.channels), &millions);
    lines.table("optimizer.adam", "");
    lines.text += &lr();
    lines.table("lr_schedule.cosine", "down to 0");
    lines.table("training", "");
    let time = seconds.map_or("the speed of this machine is not known".to_owned(), |s| {
        format!("about {} on this machine", clock(Duration::from_secs_f64(s)))
    });
    lines.key("epochs", &choice.epochs.to_string(), &time);
    lines.key("batch_size", &choice.batch.to_string(), &format!("{} an epoch", counted(choice.updates, "update")));
    lines.key("best", "\"val_dice\"", "which epoch's weights are kept");
}

/// Lines of a TOML file.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn plain(&mut self, line: String) {
        self.text += &line;
        self.text.push('\n');
    }

    fn table(&mut self, name: &str, why: &str) {
        self.text.push('\n');
        self.with_comment(format!("[{name}]"), why);
    }

    fn key(&mut self, key: &str, value: &str, why: &str) {
        self.with_comment(format!("{key} = {value}"), why);
    }

    fn with_comment(&mut self, line: String, why: &str) {
        let width = line.chars().count();
        let line = match why {
            "" => line,
            why => format!("{line}{}# {why}", " ".repeat(COLUMN.saturating_sub(width).max(2))),
        };
        self.plain(line);
    }
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A text that cannot leave its comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
