//! Words in LaTeX.

use crate::shown;

/// Words that LaTeX shows as they are, on one line.
pub(super) fn escaped(words: &str) -> String {
    let mut text = String::new();
    let mut before = ' ';
    let words = words.replace(['\n', '\r'], " ");
    let words = shown::line(&words);
    let mut chars = words.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => text.extend(['\\', c]),
            '\\' => text.push_str("\\textbackslash{}"),
            '~' => text.push_str("\\textasciitilde{}"),
            '^' => text.push_str("\\textasciicircum{}"),
            '`' => text.push_str("\\textasciigrave{}"),
            '|' => text.push_str("\\textbar{}"),
            '"' => text.push_str("''"),
            '<' => text.push_str("$<$"),
            '>' => text.push_str("$>$"),
            '±' => text.push_str("$\\pm$"),
            '×' => text.push_str("$\\times$"),
            '·' => text.push_str("$\\cdot$"),
            '−' => text.push_str("$-$"),
            '≤' => text.push_str("$\\le$"),
            '≥' => text.push_str("$\\ge$"),
            '–' => text.push_str("--"),
            '…' => text.push_str("\\dots{}"),
            '\u{a0}' | '\u{202f}' => text.push('~'),
            // A row that begins with a bracket would be the length of the line break before it.
            '[' | ']' => text.extend(['{', c, '}']),
            // Before a digit at the start of a number it is a minus.
            '-' if before == ' ' && chars.peek().is_some_and(char::is_ascii_digit) => text.push_str("$-$"),
            // Two dashes would become a longer one.
            '-' if before == '-' => text.push_str("{}-"),
            c => text.push(c),
        }
        before = c;
    }
    text
}

/// Words of a name, which may be broken behind its joints, and where there is none for long within it.
pub(super) fn breakable(words: &str) -> String {
    /// Letters in a row that fit the narrowest column.
    const LONGEST: usize = 10;
    let (mut text, mut piece, mut run) = (String::new(), String::new(), 0);
    let mut letters = words.chars().peekable();
    while let Some(c) = letters.next() {
        piece.push(c);
        run = if c.is_whitespace() { 0 } else { run + 1 };
        let more = letters.peek().is_some_and(|next| !next.is_whitespace());
        // Not within 0.5.
        let joint =
            matches!(c, '_' | '-' | '/' | ':' | '=') || c == '.' && letters.peek().is_some_and(|next| next.is_alphabetic());
        if more && (joint || run == LONGEST) {
            text.push_str(&escaped(&std::mem::take(&mut piece)));
            text.push_str("\\allowbreak{}");
            run = 0;
        }
    }
    text + &escaped(&piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_themselves() {
        for (words, wanted) in [
            ("a_b & 5 % of $x", r"a\_b \& 5 \% of \$x"),
            (r"{#} ~ ^ \", r"\{\#\} \textasciitilde{} \textasciicircum{} \textbackslash{}"),
            ("0.9 ± 0.1, 3×3, –", r"0.9 $\pm$ 0.1, 3$\times$3, --"),
            ("[1] a--b\nc < 1", "{[}1{]} a-{}-b c $<$ 1"),
            ("Größe", "Größe"),
        ] {
            assert_eq!(escaped(words), wanted);
        }
    }

    #[test]
    fn names_break_behind_joints_and_within_long_words() {
        assert_eq!(breakable("a.b 1_0"), r"a.\allowbreak{}b 1\_\allowbreak{}0");
        assert_eq!(breakable("abcdefghijkl m"), r"abcdefghij\allowbreak{}kl m");
        assert_eq!(breakable("0.9 < 1, a. B"), "0.9 $<$ 1, a. B");
    }
}
