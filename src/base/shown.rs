//! Words that somebody else wrote, as readers see them: names of files, causes of failures, what a configuration says.
//!
//! A control character in a name could move a terminal's cursor, change its title or hide what follows; one that switches the
//! direction of writing can make a name read as another. They are shown as `\u{1b}`. Paths that are opened stay as they are.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;

/// Whether a character is never shown as it is: control characters (C0, DEL, C1), line and paragraph separators, and those that
/// embed, override or isolate a direction of writing (Unicode Standard Annex 9).
pub fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text for one line: everything hidden is written out, ends of lines too.
pub fn line(text: &str) -> Cow<'_, str> {
    written_out(text, |_| false)
}

/// Text of several lines: ends of lines and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    written_out(text, |c| matches!(c, '\n' | '\t'))
}

/// As [`lines`], but colours and weights stay too (`ESC [ … m`), for text that was coloured here.
pub fn coloured(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        safe += &lines(&rest[..at]);
        let length = style(&rest[at..]);
        match length {
            Some(length) => safe += &rest[at..at + length],
            None => safe += &lines(&rest[at..=at]),
        }
        rest = &rest[at + length.unwrap_or(1)..];
    }
    safe += &lines(rest);
    Cow::Owned(safe)
}

/// A file's name as a label: bytes that are no UTF-8 are written out as `\xff`, so that no two names become one.
pub fn name(name: &OsStr) -> String {
    let mut label = String::new();
    for part in name.as_encoded_bytes().utf8_chunks() {
        label += &line(part.valid());
        part.invalid().iter().for_each(|byte| _ = write!(label, "\\x{byte:02x}"));
    }
    label
}

fn written_out(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && !stays(c);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hidden(c) { safe.extend(c.escape_unicode()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// Bytes of a sequence at the beginning of `text` that switches colour or weight (ECMA-48, SGR).
fn style(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    parameters[length..].starts_with('m').then_some(length + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_terminal_or_turns_the_writing_is_written_out() {
        for (given, shown) in [
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("\u{9b}31m\u{7f}\r", "\\u{9b}31m\\u{7f}\\u{d}"),
            ("gnp.\u{202e}exe\u{2069}", "gnp.\\u{202e}exe\\u{2069}"),
            ("Häuser 眼底", "Häuser 眼底"),
        ] {
            assert_eq!(line(given), shown);
            assert_eq!(lines(given), shown);
        }
        assert_eq!((line("a\n\tb"), lines("a\n\tb")), ("a\\u{a}\\u{9}b".into(), "a\n\tb".into()));
    }

    #[test]
    fn only_colours_stay_in_coloured_text() {
        assert_eq!(coloured("\u{1b}[1;31mred\u{1b}[0m\n"), "\u{1b}[1;31mred\u{1b}[0m\n");
        assert_eq!(coloured("\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}"), "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{1b}");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let label = |bytes: &[u8]| name(OsStr::from_bytes(bytes));
        assert_eq!([label(b"a\xff"), label(b"a\xfe"), label("ä\u{1b}".as_bytes())], ["a\\xff", "a\\xfe", "ä\\u{1b}"]);
    }
}
