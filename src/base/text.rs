//! Text for readers: numbers with their nouns, and lines of bounded width.
//!
//! The main function is [`wrap`], for whatever measures the width: a terminal's columns, a chart's font. Nothing is known here of
//! terminals and fonts themselves; [`shown`](crate::shown) is for text that somebody else wrote.

use std::time::Duration;

/// `1 run`, `3 runs`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `0:42`, `12:05`, `3:00:09`, `2 d 03 h`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes, seconds) = (seconds / 86_400, seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}:{seconds:02}"),
        (0, _) => format!("{hours}:{minutes:02}:{seconds:02}"),
        _ => format!("{days} d {:02} h", hours % 24),
    }
}

/// Breaks text into lines that are no wider than `most`, all but the first indented: between words, or within one that is too long for a line,
/// if possible behind one of the `joints`. A line has one character at least, however narrow it is.
pub fn wrap(text: &str, most: usize, indent: &str, joints: &[char], width: impl Fn(&str) -> usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for mut word in text.split_whitespace() {
        loop {
            let line = lines.last_mut().expect("there is a first line");
            let start = line.len();
            let empty = line.trim().is_empty();
            line.push_str(if empty { "" } else { " " });
            line.push_str(word);
            if width(line) <= most {
                break;
            }
            line.truncate(start);
            if empty {
                let cut = head(word, joints, |head| width(&format!("{line}{head}")) <= most);
                line.push_str(&word[..cut]);
                word = &word[cut..];
                if word.is_empty() {
                    break;
                }
            }
            lines.push(indent.to_owned());
        }
    }
    lines
}

/// Bytes of the longest beginning of a word that fits, if possible one that ends in a joint; a character at least.
fn head(word: &str, joints: &[char], fits: impl Fn(&str) -> bool) -> usize {
    let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
    let longest = ends.enumerate().take_while(|(at, end)| *at == 0 || fits(&word[..*end])).last().map_or(0, |(_, end)| end);
    let joint = word[..longest].char_indices().rfind(|(_, c)| joints.contains(c));
    joint.map_or(longest, |(at, c)| at + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> usize {
        text.chars().count()
    }

    #[test]
    fn no_line_is_too_wide_and_nothing_is_lost() {
        let text = format!("failed: the loss was NaN {} at epoch 3", "x".repeat(200));
        for (most, indent) in [(80, "  "), (7, ""), (3, " "), (1, "")] {
            let lines = wrap(&text, most, indent, &[], columns);
            assert!(lines.iter().all(|line| columns(line) <= most), "{lines:?}");
            let squeeze = |text: &str| text.replace(' ', "");
            assert_eq!(squeeze(&lines.concat()), squeeze(&text));
        }
        assert_eq!(wrap("abc", 0, "", &[], columns), ["a", "b", "c"], "it must end");
        assert_eq!(wrap("", 9, "", &[], columns), [""]);
    }

    #[test]
    fn long_words_break_at_their_joints() {
        let wrap = |text, most| wrap(text, most, "", &['.', '_'], columns);
        assert_eq!(wrap("focal_tversky.weight 1.0", 17), ["focal_tversky.", "weight 1.0"]);
        assert_eq!(wrap("weighted_bce.pos_weight 3", 12), ["weighted_", "bce.pos_", "weight 3"]);
    }
}
