//! Text on a terminal: how wide it is, cut off, broken into lines, and numbers for readers.

use std::io::{IsTerminal, Write};
use std::time::Duration;
pub use umlaut::text::{clock, counted};
use umlaut::{report, shown};

/// Columns where nobody says how many there are: a file, a pipe.
const WIDE: usize = 100;

/// How many columns text takes.
pub fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Text of one line of at most `most` columns; what is cut off ends in `…`. Tabs and ends of lines become spaces, other control
/// characters are written out.
pub fn fit(text: &str, most: usize) -> String {
    match most {
        0 => String::new(),
        _ => console::truncate_str(&shown::line(&text.replace(['\t', '\n'], " ")), most, "…").into_owned(),
    }
}

/// As [`fit`] with the end of the text: what is cut off begins with `…`.
pub fn fit_end(text: &str, most: usize) -> String {
    let clean = fit(text, usize::MAX);
    if width(&clean) <= most {
        return clean;
    }
    let starts = clean.char_indices().map(|(at, _)| at).chain([clean.len()]);
    let end = starts.map(|at| &clean[at..]).find(|end| width(end) < most);
    end.map_or_else(String::new, |end| format!("…{end}"))
}

/// As [`fit`], filled up to exactly `columns` with spaces, at the left if `right` aligned.
pub fn padded(text: &str, columns: usize, right: bool) -> String {
    let text = fit(text, columns);
    let gap = " ".repeat(columns.saturating_sub(width(&text)));
    if right { gap + &text } else { text + &gap }
}

/// Text in lines of at most `most` columns; all but the first are indented.
pub fn wrap(text: &str, most: usize, indent: usize) -> Vec<String> {
    umlaut::text::wrap(&fit(text, usize::MAX), most, &" ".repeat(indent.min(most / 4)), &[], width)
}

/// As [`clock`]; `–` where it is not known or beyond all measure.
pub fn clock_or_dash(seconds: Option<f64>) -> String {
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.map_or("–".to_owned(), clock)
}

/// `4 kB`, `120 MB`, `2.35 GB`: of files, rounded up below a megabyte.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A bar of fixed width, in eighths of a column.
pub fn drawn(done: usize, of: usize, columns: usize) -> String {
    let eighths = (columns * 8 * done.min(of)).checked_div(of).unwrap_or(0);
    let part = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    let bar: String = std::iter::repeat_n("█", eighths / 8).chain([part]).chain(std::iter::repeat_n(" ", columns)).collect();
    format!("▕{}▏", bar.chars().take(columns).collect::<String>())
}

/// Columns for a table on standard output: of a file or a pipe as many as it takes.
pub fn table_columns() -> usize {
    if std::io::stdout().is_terminal() { columns() } else { usize::MAX }
}

/// Columns for a report's words on standard output: those of the terminal, and 80 of a file or a pipe, which is read anywhere.
pub fn report_columns() -> usize {
    /// Less would tear numbers apart.
    const LEAST: usize = 40;
    if std::io::stdout().is_terminal() { columns().max(LEAST) } else { report::COLUMNS }
}

/// Columns of standard output.
pub fn columns() -> usize {
    let term = console::Term::stdout();
    if std::io::stdout().is_terminal() { term.size_checked().map_or(WIDE, |(_, columns)| usize::from(columns)) } else { WIDE }
}

/// Writes to standard output. Whoever reads may have seen enough (`| head`): that is no failure.
///
/// # Errors
/// If it cannot be written otherwise.
pub fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(shown::lines(text).as_bytes()).and_then(|()| std::io::stdout().flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(fit("channels", 8), "channels");
        assert_eq!(fit("channels", 5), "chan…");
        assert_eq!(fit("a\tb\n\u{1b}[31mc", 40), "a b \\u{1b}[31mc");
        assert_eq!(fit("眼\u{1b}[2J", 7), "眼\\u{1…");
        assert_eq!([fit_end("channels", 8), fit_end("channels", 5), fit_end("ab", 1)], ["channels", "…nels", "…"]);
        assert_eq!((fit_end("眼底眼底", 4), fit_end("ab", 0)), ("…底".to_owned(), String::new()));
        assert_eq!((fit("眼底眼底", 5), fit("abc", 0)), ("眼底…".to_owned(), String::new()));
        assert_eq!(
            (padded("ab", 4, true), padded("ab", 4, false), padded("abcde", 4, true)),
            ("  ab".into(), "ab  ".into(), "abc…".into())
        );
    }

    #[test]
    fn broken_lines_lose_nothing_and_fit() {
        let text = format!("failed: the loss was NaN {} at 眼底 {}", "x".repeat(100), "底".repeat(30));
        for most in [1, 2, 7, 40, 80] {
            let lines = wrap(&text, most, 4);
            // A character of two columns cannot fit one.
            assert!(lines.iter().all(|line| width(line) <= most.max(2)), "{most}: {lines:?}");
            let squeeze = |text: &str| text.replace(' ', "");
            assert_eq!(squeeze(&lines.concat()), squeeze(&text));
        }
    }

    #[test]
    fn times_are_short() {
        let texts = [42, 725, 10_809, 97_200].map(|s| clock(Duration::from_secs(s)));
        assert_eq!(texts, ["0:42", "12:05", "3:00:09", "1 d 03 h"]);
        assert_eq!([None, Some(f64::NAN), Some(-1.0), Some(61.0)].map(clock_or_dash), ["–", "–", "–", "1:01"]);
    }

    #[test]
    fn bars_have_one_width() {
        assert_eq!([drawn(0, 10, 10), drawn(10, 10, 10), drawn(0, 0, 10)], ["▕          ▏", "▕██████████▏", "▕          ▏"]);
        assert!((0..=80).all(|done| width(&drawn(done, 80, 10)) == 12));
    }
}
