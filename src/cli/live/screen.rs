//! Some lines at the bottom of a terminal that are drawn again and again, and what scrolls above them.
//!
//! The cursor stands below the lines, at the left: a `^C` that the terminal echoes or a line that somebody else writes disturbs them
//! for no longer than until they are drawn next. Nothing of the terminal is switched, so nothing must be restored.

use super::super::text::width;
use std::io::Write;

/// The lines at the bottom of a terminal.
pub struct Screen {
    term: console::Term,
    /// What is drawn.
    lines: Vec<String>,
}

impl Screen {
    /// On a terminal; draws nothing yet.
    pub fn on(term: console::Term) -> Self {
        Self { term, lines: Vec::new() }
    }

    /// Columns and rows that lines may take. A column is left free: with a character in the last, terminals differ in where the
    /// cursor is.
    pub fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.term.size();
        (usize::from(columns).saturating_sub(1).max(1), usize::from(rows).saturating_sub(1).max(1))
    }

    /// Replaces the lines, if they are others now.
    pub fn draw(&mut self, lines: Vec<String>) {
        if lines != self.lines {
            self.write(&[], lines);
        }
    }

    /// Writes lines that stay, above the others.
    pub fn above(&mut self, text: &[String]) {
        let lines = self.lines.clone();
        self.write(text, lines);
    }

    /// Takes the lines away.
    pub fn clear(&mut self) {
        self.draw(Vec::new());
    }

    fn write(&mut self, above: &[String], lines: Vec<String>) {
        let text = change(&self.lines, above, &lines, self.size().0 + 1);
        // A terminal that is gone is no reason to stop training.
        _ = (&self.term).write_all(text.as_bytes());
        self.lines = lines;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What must be written to a terminal of so many columns that shows `old` lines above its cursor, so that it shows `above` and `new`.
/// Every line is overwritten and only its rest cleared, all in one piece: nothing flickers.
fn change(old: &[String], above: &[String], new: &[String], columns: usize) -> String {
    // A terminal that has become narrower has broken the old lines.
    let rows: usize = old.iter().map(|line| width(line).div_ceil(columns).max(1)).sum();
    let up = if rows > 0 { format!("\x1b[{rows}A") } else { String::new() };
    let lines: String = above.iter().chain(new).map(|line| format!("{line}\x1b[K\n")).collect();
    format!("\r{up}{lines}\x1b[J")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn old_lines_are_overwritten_and_what_stays_comes_first() {
        assert_eq!(change(&[], &[], &lines(&["a"]), 80), "\ra\x1b[K\n\x1b[J");
        assert_eq!(change(&lines(&["a", "b"]), &lines(&["x"]), &lines(&["c"]), 80), "\r\x1b[2Ax\x1b[K\nc\x1b[K\n\x1b[J");
    }

    #[test]
    fn lines_that_a_narrower_terminal_broke_are_counted_as_it_shows_them() {
        let old = lines(&[&"x".repeat(79), "y"]);
        assert!(change(&old, &[], &[], 40).starts_with("\r\x1b[3A"));
    }
}
