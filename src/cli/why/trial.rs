//! `umlaut why EXPERIMENT TRIAL`: what the proposal of a search's trial saw.

use super::super::failure::{Failure, mistake};
use super::super::text::{columns, counted, wrap};
use umlaut::store::ExperimentDir;
use umlaut::trials::SearchStanding;

/// Results that are named one by one.
const NAMED: usize = 10;

/// Says why a trial was tried, and why it went on.
///
/// # Errors
/// If there is no such search or trial, or files cannot be read.
pub fn explain(dir: &ExperimentDir, trial: usize) -> Result<String, Failure> {
    let place = dir.path().display();
    let search = SearchStanding::of(dir).map_err(mistake)?;
    let search =
        search.ok_or_else(|| mistake(format!("{place} has no search: `umlaut why` takes two runs, or a search and a trial")))?;
    if trial >= search.trials() {
        let last = search.trials().saturating_sub(1);
        return Err(mistake(format!("{place} has no trial {trial}: they are counted from 0, and the last one is {last}")));
    }
    let values: Vec<String> = search.values(trial).iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let mut lines = vec![format!("trial {trial}: {}", values.join(", "))];
    for job in (0..search.jobs.len()).filter(|job| search.jobs[*job].trial == trial) {
        lines.push(begun(&search, job));
        lines.extend(seen(&search, job));
        lines.push(match search.score(job) {
            None => "    no result yet".to_owned(),
            Some(score) if score.is_nan() => "    it diverged".to_owned(),
            Some(score) => format!("    its result: {} {score:.4}", search.settings.by),
        });
    }
    Ok(lines.iter().flat_map(|line| indented(line)).collect())
}

/// A line broken to the width of the terminal, with its own indent.
fn indented(line: &str) -> Vec<String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    let broken = wrap(line, columns().saturating_sub(indent.len()), 4);
    broken.iter().map(|part| format!("{indent}{}\n", part.trim_end())).collect()
}

/// Why a job began.
fn begun(search: &SearchStanding, job: usize) -> String {
    let row = &search.jobs[job];
    let whole = search.settings.rungs.last().copied().unwrap_or_default();
    let until = format!("job {job}, until epoch {}/{whole}", row.epochs);
    if row.rung > 0 {
        let below = search.settings.rungs[row.rung - 1];
        let beside = search.sees(job).into_iter().filter(|seen| search.jobs[*seen].rung + 1 == row.rung).count();
        return format!("  {until}: one of the best of {} after epoch {below}", counted(beside, "result"));
    }
    let sampler = &search.settings.sampler;
    match sampler.as_str() {
        "random" => format!("  {until}: drawn at random"),
        "sobol" => format!("  {until}: the next point of the Sobol sequence"),
        _ if search.was_modelled(job) => format!("  {until}: proposed by {sampler}, by {}", counted(row.seen, "result")),
        _ => format!("  {until}: a point of the Sobol sequence, since too little was known for {sampler}"),
    }
}

/// The results that a job saw, the best first.
fn seen(search: &SearchStanding, job: usize) -> Option<String> {
    let mut left = search.sees(job);
    let count = left.len();
    let mut named = Vec::new();
    while let Some(best) = search.best_of(&left).filter(|_| named.len() < NAMED) {
        left.retain(|other| *other != best);
        let row = &search.jobs[best];
        named.push(format!("trial {} {:.4} after epoch {}", row.trial, search.score(best).unwrap_or(f64::NAN), row.epochs));
    }
    let more = if count > named.len() { format!(", and {} more", count - named.len()) } else { String::new() };
    (count > 0).then(|| format!("    it saw {}: {}{more}", counted(count, "result"), named.join(", ")))
}
