//! Error texts without the backtraces that `RUST_BACKTRACE` asks for: they are for the log, not for a cause in a report.

/// The lines of a text that belong to no backtrace.
pub fn without_backtrace(text: &str) -> String {
    text.lines().filter(|line| !is_of_backtrace(line)).collect::<Vec<_>>().join("\n")
}

/// As the standard library writes them: a frame is `  12: path::to::function` and `             at file:line:column`.
fn is_of_backtrace(line: &str) -> bool {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    let frame = text.split_once(':').is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()));
    let hint = |start: &str| text.starts_with("note: ") && text.contains(start);
    text == "stack backtrace:" || (indented && (frame || text.starts_with("at "))) || hint("RUST_BACKTRACE") || hint("omitted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_go_and_words_stay() {
        let text = "computing failed: a matrix is too large\n   0: candle_core::error::Error::bt\n             at /home/x/src/error.rs:264:25\n  \
                    12: core::ops\nfor 3: nothing\n";
        assert_eq!(without_backtrace(text), "computing failed: a matrix is too large\nfor 3: nothing");
        let panic = "thread 'main' panicked at src/a.rs:1:2:\nno such thing\nstack backtrace:\n   0: std::panicking\nnote: Some details \
                     are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.";
        assert_eq!(without_backtrace(panic), "thread 'main' panicked at src/a.rs:1:2:\nno such thing");
    }
}
