//! Text in CSV files that people open in spreadsheets: a field that begins like a formula is not to be run as one.
//!
//! As OWASP advises ("CSV Injection"), such a field gets a single quote in front, which spreadsheets take as "this is text". Numbers stay as
//! they are: `-0.5` and `1e-3` are no formulas. What is written so is read back exactly by [`from_field`].

use std::borrow::Cow;

/// What a formula begins with; the last four are the wide forms of the first.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
const QUOTE: char = '\'';

/// A field for a CSV file, of words or of a number.
pub fn to_field(words: &str) -> Cow<'_, str> {
    let is_formula = words.starts_with(FORMULA) && words.parse::<f64>().is_err();
    // A name that looks quoted already gets one more, so that reading knows whose it is.
    if is_formula || is_quoted(words) { Cow::Owned(format!("{QUOTE}{words}")) } else { Cow::Borrowed(words) }
}

/// What [`to_field`] was given.
pub fn from_field(field: &str) -> &str {
    if is_quoted(field) { &field[QUOTE.len_utf8()..] } else { field }
}

/// Whether quotes stand before what a formula begins with.
fn is_quoted(words: &str) -> bool {
    words.starts_with(QUOTE) && words.trim_start_matches(QUOTE).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_numbers_stay() {
        for (words, field) in [
            ("=1+1", "'=1+1"),
            ("+x", "'+x"),
            ("-x", "'-x"),
            ("-", "'-"),
            ("@sum", "'@sum"),
            ("\tx", "'\tx"),
            ("＝1", "'＝1"),
            ("'=x", "''=x"),
            ("'-5", "''-5"),
            ("-0.5", "-0.5"),
            ("+3", "+3"),
            ("1e-3", "1e-3"),
            ("-inf", "-inf"),
            ("'quoted'", "'quoted'"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(to_field(words), field);
            assert_eq!(from_field(field), words);
        }
    }
}
