//! How a search stands, in words: its rungs, what waits for what, and what was named.

use crate::text::counted;
use crate::trials::SearchStanding;

/// Jobs that are named one by one.
const NAMED: usize = 5;

/// The lines on a search.
pub(super) fn lines(search: &SearchStanding) -> Vec<String> {
    let settings = &search.settings;
    let trials = counted(search.trials(), "trial");
    let mut lines = vec![format!("search by {}: {trials} so far, proposed by {}", settings.by, settings.sampler)];
    let whole = settings.rungs.last().copied().unwrap_or_default();
    for rung in search.rungs() {
        let results = format!("{} of {} with a result", rung.results, counted(rung.begun, "trial"));
        let diverged = if rung.diverged > 0 { format!(", {} diverged", rung.diverged) } else { String::new() };
        let best = rung.best.map_or(String::new(), |(trial, score)| format!("; best {score:.4} (trial {trial})"));
        lines.push(format!("after epoch {}/{whole}: {results}{diverged}{best}", rung.epochs));
    }
    lines.extend(waits(search));
    if !search.confirmations.is_empty() {
        let done = search.confirmations.iter().filter(|fresh| fresh.score.is_some()).count();
        lines.push(format!(
            "confirmation: {done} of {} with fresh seeds so far",
            counted(search.confirmations.len(), "trial run")
        ));
    }
    if let Some(winner) = &search.winner {
        let (by, seeds) = (&winner.by, counted(winner.scores.len(), "fresh seed"));
        lines.push(format!(
            "named: trial {}, {by} {:.4} with {seeds} that chose nothing ({:.4} in the search)",
            winner.trial, winner.confirmed, winner.searched
        ));
    }
    lines
}

/// What the next job waits for.
fn waits(search: &SearchStanding) -> Option<String> {
    let awaited = search.awaited();
    let named = awaited.iter().take(NAMED).map(|job| format!("{job} (trial {})", search.jobs[*job].trial));
    let more = awaited.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let jobs = if awaited.len() == 1 { "the result of job" } else { "results of jobs" };
    let text = || format!("job {} waits for {jobs} {}{more}", search.jobs.len(), named.collect::<Vec<_>>().join(", "));
    (!awaited.is_empty() && search.confirmations.is_empty()).then(text)
}
