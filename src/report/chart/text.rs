//! How wide words are, and how they are made to fit.

use crate::text;

/// Advance widths of Helvetica, ASCII 32..=126, in 1/1000 em (Adobe's font metrics; Arial and Liberation Sans agree).
#[rustfmt::skip]
const ADVANCES: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
    556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// The same of Helvetica Bold.
#[rustfmt::skip]
const BOLD_ADVANCES: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611,
    611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];

/// Width of a line of text at a size, both in tenths of a point. Characters beyond ASCII count as wide ones.
pub(crate) fn width(text: &str, size: i32) -> i32 {
    let advance = |c: char| match c {
        ' '..='~' => u32::from(ADVANCES[c as usize - 32]),
        '–' | '±' | '×' | '÷' => 584,
        _ => 1000,
    };
    scaled(text.chars().map(advance).sum(), size)
}

/// The width in Helvetica, if that is known of every character.
pub(crate) fn known_width(text: &str, size: i32, bold: bool) -> Option<i32> {
    let ascii = if bold { &BOLD_ADVANCES } else { &ADVANCES };
    let advance = |c: char| match c {
        ' '..='~' => Some(u32::from(ascii[c as usize - 32])),
        '–' => Some(556),
        '−' | '×' => Some(584),
        '±' | '÷' | '≤' | '≥' | '≈' => Some(549),
        '·' | '²' | '³' => Some(333),
        '°' => Some(400),
        '…' | '→' | '←' => Some(1000),
        _ => None,
    };
    text.chars().map(advance).sum::<Option<u32>>().map(|sum| scaled(sum, size))
}

fn scaled(thousandths: u32, size: i32) -> i32 {
    (thousandths as i32 * size + 999) / 1000
}

/// The text, or as much of it as fits with an ellipsis.
pub(crate) fn fit(text: &str, size: i32, most: i32) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while !short.is_empty() && width(&short, size) + width("…", size) > most {
        short.pop();
    }
    format!("{}…", short.trim_end())
}

/// The text, or its beginning and end with an ellipsis between: names of a kind often differ at their end.
pub(crate) fn fit_ends(text: &str, size: i32, most: i32) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let short = |kept: usize| {
        let tail = kept / 2;
        chars[..kept - tail].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect::<String>()
    };
    (1..chars.len()).rev().map(short).find(|short| width(short, size) <= most).unwrap_or_else(|| "…".to_owned())
}

/// Breaks text into lines no wider than `most`, between words where that is possible, else behind a dash.
pub(crate) fn wrap(text: &str, size: i32, most: i32) -> Vec<String> {
    let most = usize::try_from(most).unwrap_or(0);
    let lines = text::wrap(text, most, "", &['-'], |line| usize::try_from(width(line, size)).unwrap_or(0));
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

/// The same in at most `rows` lines, the last one with an ellipsis where there are more.
pub(crate) fn wrap_most(text: &str, size: i32, most: i32, rows: usize) -> Vec<String> {
    let mut lines = wrap(text, size, most);
    if lines.len() > rows {
        let rest = lines.split_off(rows - 1).join(" ");
        lines.push(fit_ends(&rest, size, most));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_never_too_wide_and_lose_nothing() {
        let text = "channels [16, 32, 64, 128], a_very_long_word_that_is_wider_than_any_line_of_this_text, lr 0.001";
        let lines = wrap(text, 80, 900);
        assert!(lines.iter().all(|line| width(line, 80) <= 900), "{lines:?}");
        let squeeze = |s: &str| s.replace(' ', "");
        assert_eq!(squeeze(&lines.concat()), squeeze(text));
    }

    #[test]
    fn lists_are_cut_behind_a_dash() {
        assert_eq!(wrap("32-64-128-256", 80, 450), ["32-64-128-", "256"]);
        assert_eq!(wrap("abcdefghijkl", 80, 300), ["abcdefg", "hijkl"]);
    }

    #[test]
    fn what_does_not_fit_says_so() {
        assert_eq!(fit("disc", 80, 400), "disc");
        let short = fit("a name much too long for its place", 80, 400);
        assert!(short.ends_with('…') && width(&short, 80) <= 400, "{short}");
        assert_eq!(fit_ends("encoder number 12", 80, 450), "encod…r 12");
        assert_eq!(wrap_most("one two three four", 80, 230, 2), ["one", "tw…r"]);
        assert_eq!((fit_ends("abc", 80, 500), fit_ends("abc", 80, 10)), ("abc".to_owned(), "…".to_owned()));
    }
}
