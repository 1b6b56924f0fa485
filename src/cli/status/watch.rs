//! `umlaut status --watch`: the same again and again, in place on a terminal, until nothing runs any more.

use super::super::failure::Failure;
use super::super::live::screen::Screen;
use super::super::stop::Stop;
use super::super::text::{columns, print};
use super::Place;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use umlaut::status::Seen;

/// How often it is looked whether somebody wants an end.
const LOOK: Duration = Duration::from_millis(50);

/// Shows the place every `pause`; ends when no process is at it, or when somebody asks.
///
/// # Errors
/// If results cannot be listed, standard output not be written, or somebody asked for the end.
pub fn watch(place: &Place, pause: Duration) -> Result<(), Failure> {
    let stop = Stop::on_signals()?;
    let mut screen = std::io::stdout().is_terminal().then(|| Screen::on(console::Term::stdout()));
    let mut first = true;
    loop {
        let seen = place.seen()?;
        let over = stop.asked() || !seen.iter().any(Seen::is_under_way);
        match &mut screen {
            Some(screen) => draw(screen, place, &seen, over),
            None => print(&format!("{}{}", if first { "" } else { "\n" }, place.text(&seen, columns())))?,
        }
        first = false;
        if over {
            break;
        }
        let drawn = Instant::now();
        while drawn.elapsed() < pause && !stop.asked() {
            std::thread::sleep(LOOK.min(pause));
        }
        if stop.asked() && screen.is_none() {
            break;
        }
    }
    if stop.asked() { Err(Failure::Stopped) } else { Ok(()) }
}

/// Draws as much as there is room for; at the end all of it, to stay.
fn draw(screen: &mut Screen, place: &Place, seen: &[Seen], over: bool) {
    let (columns, rows) = screen.size();
    let lines: Vec<String> = place.text(seen, columns).lines().map(str::to_owned).collect();
    match over {
        true => {
            screen.clear();
            screen.above(&lines);
        }
        false => screen.draw(fitting(lines, rows)),
    }
}

/// The first lines, and how many there is no room for.
fn fitting(mut lines: Vec<String>, rows: usize) -> Vec<String> {
    if lines.len() > rows {
        let left_out = lines.len() - rows.saturating_sub(1);
        lines.truncate(rows.saturating_sub(1));
        lines.push(format!("… {left_out} more lines"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let lines = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(fitting(lines(3), 3), ["0", "1", "2"]);
        assert_eq!(fitting(lines(5), 3), ["0", "1", "… 3 more lines"]);
    }
}
