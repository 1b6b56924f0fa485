//! How a search stands, in words and as JSON: its rungs, the best so far, what waits for what, and what was named.

use crate::text::counted;
use crate::trials::SearchStanding;
use serde_json::{Value, json};

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
    lines.extend(best(search));
    lines.extend(waits(search));
    lines.extend(search.idle().map(|share| {
        let slots = counted(search.settings.parallel, "slot");
        format!("slots wait for results {:.1} % of the time: so it would be on {slots} by what the jobs took", 100.0 * share)
    }));
    if !search.confirmations.is_empty() {
        let done = search.confirmations.iter().filter(|fresh| fresh.score.is_some()).count();
        lines.push(format!(
            "confirmation: {done} of {} with fresh seeds so far",
            counted(search.confirmations.len(), "trial run")
        ));
    }
    lines.extend(search.winner.as_ref().map(|winner| {
        let (by, seeds) = (&winner.by, counted(winner.scores.len(), "fresh seed"));
        let score = match winner.confirmed {
            score if score.is_finite() => format!("{by} {score:.4} with {seeds} that chose nothing"),
            _ => format!("diverged with one of {seeds} that chose nothing"),
        };
        format!("named: trial {}, {score} ({:.4} in the search)", winner.trial, winner.searched)
    }));
    lines
}

/// The best so far, while nothing is named.
fn best(search: &SearchStanding) -> Option<String> {
    let job = search.best().filter(|_| search.winner.is_none())?;
    let (trial, seeds) = (search.jobs[job].trial, &search.settings.seeds);
    let (score, by) = (search.score(job)?, &search.settings.by);
    let values: Vec<String> = search.values(trial).into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let seeds = format!("{} {}", if seeds.len() == 1 { "seed" } else { "seeds" }, joined(seeds));
    Some(format!(
        "best so far: trial {trial} ({}), {by} {score:.4} with {seeds}, flattered as the best of many",
        values.join(", ")
    ))
}

fn joined(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// What the next job waits for.
fn waits(search: &SearchStanding) -> Option<String> {
    let awaited = search.awaited();
    let named = awaited.iter().take(NAMED).map(|job| format!("{job} (trial {})", search.jobs[*job].trial));
    let more = awaited.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let jobs = if awaited.len() == 1 { "the result of job" } else { "results of jobs" };
    let text = || {
        let named = named.collect::<Vec<_>>().join(", ");
        format!("job {} waits for {jobs} {named}{more}, which its proposal has to see", search.jobs.len())
    };
    (!awaited.is_empty() && search.confirmations.is_empty()).then(text)
}

/// The same for programs.
pub fn document(search: &SearchStanding) -> Value {
    let settings = &search.settings;
    let trial = |trial: usize| search.values(trial).into_iter().map(|(key, value)| (key, typed(value))).collect::<Value>();
    let rungs = search.rungs().into_iter().map(|rung| {
        let best = rung.best.map(|(trial, score)| json!({ "trial": trial, "score": score }));
        json!({ "epochs": rung.epochs, "trials": rung.begun, "results": rung.results, "diverged": rung.diverged, "best": best })
    });
    let best = search.best().map(|job| {
        let row = &search.jobs[job];
        let (score, values) = (search.score(job), trial(row.trial));
        json!({ "trial": row.trial, "epochs": row.epochs, "score": score, "seeds": settings.seeds, "runs": row.runs, "values": values })
    });
    let awaited = search.awaited();
    let of = |job: &usize| json!({ "job": job, "trial": search.jobs[*job].trial, "runs": search.jobs[*job].runs });
    let for_jobs = || awaited.iter().map(of).collect::<Vec<_>>();
    let waits = (!awaited.is_empty() && search.confirmations.is_empty())
        .then(|| json!({ "job": search.jobs.len(), "for": for_jobs(), "why": "its proposal has to see their results" }));
    let done = search.confirmations.iter().filter(|fresh| fresh.score.is_some()).count();
    let winner = search.winner.as_ref().map(|winner| {
        json!({
            "trial": winner.trial,
            "score": winner.confirmed,
            "seeds": winner.seeds,
            "scores": winner.scores,
            "score_in_search": winner.searched,
            "values": trial(winner.trial),
        })
    });
    json!({
        "by": settings.by,
        "sampler": settings.sampler,
        "parallel": settings.parallel,
        "trials": search.trials(),
        "jobs": search.jobs.len(),
        "rungs": rungs.collect::<Vec<_>>(),
        "best": best,
        "waits": waits,
        "idle": search.idle(),
        "confirmation": { "runs": search.confirmations.len(), "results": done },
        "winner": winner,
    })
}

/// A value of TOML as one of JSON; as text if it is none.
fn typed(value: &str) -> Value {
    let table = toml::from_str::<serde_json::Map<String, Value>>(&format!("value = {value}")).ok();
    table.and_then(|mut table| table.remove("value")).unwrap_or_else(|| json!(value))
}
