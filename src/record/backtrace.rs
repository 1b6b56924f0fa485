//! Words of a failure without the backtraces that `RUST_BACKTRACE` adds to them: readers of a report have no use for a compiler's paths.

/// Lines that stand around a backtrace.
const AROUND: [&str; 3] = ["stack backtrace:", "note: run with `RUST_BACKTRACE=", "note: Some details are omitted, run with"];

/// The lines without those of backtraces; of a panic's first line what says where in the sources it was goes too. A sentence that goes on behind
/// a backtrace is whole again.
pub fn without_backtrace(words: &str) -> String {
    let (mut kept, mut cut) = (String::new(), false);
    for (number, line) in words.lines().enumerate() {
        if is_of_backtrace(line) {
            cut = true;
            continue;
        }
        let goes_on = std::mem::take(&mut cut) && line.starts_with([';', ',', '.', ')']);
        if number > 0 && !goes_on {
            kept.push('\n');
        }
        kept.push_str(panic_in_short(line).unwrap_or(line));
    }
    kept.trim_end().to_owned()
}

fn is_of_backtrace(line: &str) -> bool {
    AROUND.iter().any(|start| line.trim_start().starts_with(start)) || is_frame(line) || is_place(line)
}

/// `   3: a_library::tensor::Tensor::new`: a number that ends in the fourth column.
fn is_frame(line: &str) -> bool {
    let Some((number, rest)) = line.split_once(':') else { return false };
    let digits = number.trim_start();
    number.len() >= 4 && !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()) && rest.starts_with(' ')
}

/// `             at /rustc/…/library/std/src/panicking.rs:697:5`.
fn is_place(line: &str) -> bool {
    let indented = line.len() - line.trim_start().len() >= 4;
    let Some(place) = line.trim_start().strip_prefix("at ").filter(|_| indented) else { return false };
    let number = |part: Option<&str>| part.is_some_and(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()));
    number(place.rsplit(':').next()) && place.contains(':')
}

/// `thread 'main' (7) panicked` of `thread 'main' (7) panicked at src/x.rs:1:2:`.
fn panic_in_short(line: &str) -> Option<&str> {
    let end = line.find(" panicked at ")? + " panicked".len();
    (line.starts_with("thread ") && line.ends_with(':')).then_some(&line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_stays_and_frames_go() {
        let words = "\nthread 'main' (12) panicked at src/train/x.rs:10:5:\nno such thing\nstack backtrace:\n   0: __rustc::rust_begin_unwind\n             \
                     at /rustc/abc/library/std/src/panicking.rs:697:5\n  10: umlaut::main\n 100:     0x55 - core::ops\nnote: Some details are \
                     omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n";
        assert_eq!(without_backtrace(words), "\nthread 'main' (12) panicked\nno such thing");
        let within = "x.safetensors: no tensor a\n   0: a_library::error::Error::bt\n             at ./src/x.rs:1:2\n; delete it";
        assert_eq!(without_backtrace(within), "x.safetensors: no tensor a; delete it");
        let plain = "step 3: the loss is NaN\n  at step 3\n3: three\nnote: this stays";
        assert_eq!(without_backtrace(plain), plain);
    }
}
