//! Regret of searches on a table of measured configurations. `scripts/bench_search.py` gives it tables and compares with Optuna.
//!
//!     cargo run --release --example bench_search -- SAMPLER [REPEATS [TRIALS [SLOTS [RULE]]]] < TABLE.csv
//!
//! SAMPLER is gp, tpe, sobol or random; REPEATS (5) are searches with seeds of their own, of TRIALS (100) on SLOTS (4). RULE says
//! what a trial sees: `window` (the default) all but the SLOTS − 1 before it, as with Optuna where SLOTS ask and tell in turn;
//! `clock` what the virtual clock shows, by the times in the table; `even` the same if all took the same time.
//!
//! The table's first line has a domain per parameter, `o5` for 5 ordered choices, `c3` for 3 unordered ones. Each other line is a
//! configuration, the last parameter changing fastest: its time, and its score with each of some seeds, higher being better. A
//! trial gets the score of a random seed. Printed are the repeat and, for 25, 50 and 100 trials, the regret of the best observed:
//! what its mean over seeds lacks to the best, as a share of best − median.

use std::process::ExitCode;
use umlaut::search::{Clock, Domain, Job, Parameter, Proposer, Rungs, Sampler, Score, Space, Stream};

type Error = Box<dyn std::error::Error>;

/// Trials after which regret is printed.
const AT: [usize; 3] = [25, 50, 100];

/// What was measured.
struct Table {
    space: Space,
    counts: Vec<usize>,
    times: Vec<f64>,
    scores: Vec<Vec<f64>>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_search: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sampler = match arguments.first().map(String::as_str) {
        Some("gp") => Sampler::Gp,
        Some("tpe") => Sampler::Tpe,
        Some("sobol") => Sampler::Sobol,
        Some("random") => Sampler::Random,
        other => return Err(format!("{other:?} is no sampler; name gp, tpe, sobol or random").into()),
    };
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |a| a.parse::<usize>());
    let (repeats, trials, slots) = (number(1, 5)?, number(2, 100)?, number(3, 4)?);
    let rule = arguments.get(4).map_or("window", String::as_str);
    if !["window", "clock", "even"].contains(&rule) {
        return Err(format!("{rule} is no rule; name window, clock or even").into());
    }
    let table = Table::read(&std::io::read_to_string(std::io::stdin())?)?;
    for repeat in 0..repeats as u64 {
        let proposer = Proposer { space: table.space.clone(), sampler, seed: repeat, rungs: Rungs::whole(1) };
        let found = table.search(&proposer, trials, slots, rule, repeat)?;
        let regrets = AT.iter().filter(|at| **at <= trials).map(|at| format!("{:.6}", table.regret(&found[..*at])));
        println!("{repeat},{}", regrets.collect::<Vec<_>>().join(","));
    }
    Ok(())
}

impl Table {
    fn read(text: &str) -> Result<Self, Error> {
        let mut lines = text.lines();
        let (mut parameters, mut counts) = (Vec::new(), Vec::new());
        for (at, word) in lines.next().ok_or("the table is empty")?.split(',').enumerate() {
            let (kind, count) = word.split_at_checked(1).ok_or("a domain is missing")?;
            let count = count.parse()?;
            let domain = if kind == "o" { Domain::Ordered(count) } else { Domain::Choice(count) };
            parameters.push(Parameter::new(&format!("{at:02}"), domain));
            counts.push(count);
        }
        let rows = lines.map(|line| line.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>());
        let rows: Vec<Vec<f64>> = rows.collect::<Result<_, _>>()?;
        let expected = counts.iter().product::<usize>();
        if rows.len() != expected || rows.iter().any(|row| row.len() < 2) {
            return Err(format!("{} rows, expected {expected} of a time and a score at least", rows.len()).into());
        }
        let times = rows.iter().map(|row| row[0]).collect();
        let scores = rows.into_iter().map(|row| row[1..].to_vec()).collect();
        Ok(Self { space: Space::new(parameters)?, counts, times, scores })
    }

    /// Rows and observed scores of a search's trials.
    fn search(
        &self,
        proposer: &Proposer,
        trials: usize,
        slots: usize,
        rule: &str,
        repeat: u64,
    ) -> Result<Vec<(usize, f64)>, Error> {
        let mut clock = Clock::new(slots);
        let (mut jobs, mut found): (Vec<Job>, Vec<(usize, f64)>) = Default::default();
        for trial in 0..trials {
            let sees = if rule == "window" { (0..(trial + 1).saturating_sub(slots)).collect() } else { clock.sees() };
            let seen: Vec<(usize, Score)> = sees.into_iter().map(|job| (job, Score::of(found[job].1))).collect();
            let job = proposer.propose(&jobs, &seen, &|_| true)?;
            let row = job
                .point
                .values()
                .iter()
                .zip(&self.counts)
                .fold(0, |row, (value, count)| row * count + value.expect("no parameter is conditional") as usize);
            let scores = &self.scores[row];
            let seed = (Stream::new(repeat, "seed", trial, 0).uniform() * scores.len() as f64) as usize;
            found.push((row, scores[seed]));
            clock.push(if rule == "even" { 1000 } else { (self.times[row] * 1000.0) as u64 });
            jobs.push(job);
        }
        Ok(found)
    }

    fn regret(&self, found: &[(usize, f64)]) -> f64 {
        let means: Vec<f64> = self.scores.iter().map(|scores| scores.iter().sum::<f64>() / scores.len() as f64).collect();
        let mut sorted = means.clone();
        sorted.sort_by(f64::total_cmp);
        let (best, middle) = (sorted[sorted.len() - 1], sorted.len() / 2);
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * (sorted[middle - 1] + sorted[middle]) };
        // The first among equals, as the search itself names it.
        let chosen = found.iter().copied().reduce(|best, next| if next.1 > best.1 { next } else { best });
        chosen.map_or(f64::NAN, |(row, _)| (best - means[row]) / (best - median))
    }
}
