//! The `umlaut` program: parses arguments, dispatches, prints the error, sets the exit code.

/// As `std`'s, but whoever reads may go: what a program has to say is then lost, and what it has to do is done all the same. Control
/// characters that others have put into names are written out.
macro_rules! println {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        _ = writeln!(std::io::stdout(), "{}", umlaut::shown::lines(&format!($($words)*)));
    }};
}

/// The same without an end of the line.
macro_rules! print {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        _ = write!(std::io::stdout(), "{}", umlaut::shown::lines(&format!($($words)*)));
    }};
}

/// The same of messages beside results; nothing if only errors are wanted.
macro_rules! eprintln {
    ($($words:tt)*) => {{
        if !crate::cli::is_quiet() {
            errorln!($($words)*);
        }
    }};
}

/// The same of errors, which are always told.
macro_rules! errorln {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        _ = writeln!(std::io::stderr(), "{}", umlaut::shown::lines(&format!($($words)*)));
    }};
}

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
