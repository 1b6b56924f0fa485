//! Regret of searches on a table of measured configurations. `scripts/bench_search.py` gives it tables and compares with Optuna.
//!
//!     cargo run --release --example bench_search -- SAMPLER [REPEATS [TRIALS [SLOTS [RULE]]]] < TABLE.csv
//!
//! SAMPLER is gp, tpe, sobol or random; REPEATS (5) are searches with seeds of their own, of TRIALS (100) on SLOTS (4). RULE says
//! what a trial sees: `window` (the default) all but the SLOTS − 1 before it, as with Optuna where SLOTS ask and tell in turn;
//! `clock` what the virtual clock shows, by the times in the table; `even` the same if all took the same time. Two more print
//! other numbers than regrets after 25, 50 and 100 trials: `confirm` the regret of the best observed of 60 trials, of 44 confirmed
//! by the halving of the best 8, of 120 and of 80 confirmed by that of the best 16, which are as many runs; `idle` the share of
//! slot time that waits, where predicted times err by 10 and by 30 %.
//!
//! The table's first line has a domain per parameter, `o5` for 5 ordered choices, `c3` for 3 unordered ones. Each other line is a
//! configuration, the last parameter changing fastest: its time, and its score with each of some seeds, higher being better. A
//! trial gets the score of a random seed. Printed are the repeat and, for 25, 50 and 100 trials, the regret of the best observed:
//! what its mean over seeds lacks to the best, as a share of best − median.

use std::process::ExitCode;
use umlaut::search::{
    Clock, Domain, Job, Parameter, Proposer, Rungs, Sampler, Score, Space, Step, Stream, confirm, idle, ranked,
};

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
    if !["window", "clock", "even", "confirm", "idle"].contains(&rule) {
        return Err(format!("{rule} is no rule; name window, clock, even, confirm or idle").into());
    }
    let table = Table::read(&std::io::read_to_string(std::io::stdin())?)?;
    for repeat in 0..repeats as u64 {
        let proposer = Proposer { space: table.space.clone(), sampler, seed: repeat, rungs: Rungs::whole(1) };
        let numbers = match rule {
            "confirm" => table.confirmed(&proposer, slots)?,
            "idle" => vec![table.idle(&proposer, trials, slots, 0.1)?, table.idle(&proposer, trials, slots, 0.3)?],
            _ => table.regrets(&proposer, trials, slots, rule)?,
        };
        let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:.6}")).collect();
        println!("{repeat},{}", numbers.join(","));
    }
    Ok(())
}

/// A number that is nearly normal, the sum of twelve, less six.
fn normal(repeat: u64, stream: &str, trial: usize) -> f64 {
    (0..12).map(|draw| Stream::new(repeat, stream, trial, draw).uniform()).sum::<f64>() - 6.0
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

    fn regrets(&self, proposer: &Proposer, trials: usize, slots: usize, rule: &str) -> Result<Vec<f64>, Error> {
        let time = |row: usize| if rule == "even" { 1000 } else { (self.times[row] * 1000.0) as u64 };
        let score = |trial: usize, row: usize| {
            let scores = &self.scores[row];
            scores[(Stream::new(proposer.seed, "seed", trial, 0).uniform() * scores.len() as f64) as usize]
        };
        let cost = |_: usize, row: usize| (rule != "window").then(|| time(row));
        let found = self.search(proposer, trials, slots, &score, &cost)?;
        Ok(AT.iter().filter(|at| **at <= trials).map(|at| self.regret(best(&found[..*at]))).collect())
    }

    /// Regrets of the best observed and of the confirmed one. What a seed does to all configurations alike stays common to them.
    fn confirmed(&self, proposer: &Proposer, slots: usize) -> Result<Vec<f64>, Error> {
        let observed = |row: usize, seed: usize| {
            let (scores, mean) = (&self.scores[row], self.mean(row));
            let of = scores[(Stream::new(proposer.seed, "column", seed, 0).uniform() * scores.len() as f64) as usize];
            mean + (of - mean) * (scores.len() as f64 / (scores.len() as f64 - 1.0)).sqrt()
        };
        let found = self.search(proposer, 120, slots, &|_, row| observed(row, 0), &|_, _| None)?;
        let mut regrets = Vec::new();
        for (budget, top, runs) in [(60, 8, 16), (120, 16, 40)] {
            let scores = found[..budget - runs].iter().enumerate().map(|(trial, found)| (trial, Score::of(found.1)));
            let ranking = ranked(&scores.collect::<Vec<_>>());
            let step = confirm(&ranking, top, |trial, seed| Some(Score::of(observed(found[trial].0, seed + 1))));
            let Step::Named(trial, _) = step else { return Err("nothing is confirmed".into()) };
            regrets.extend([self.regret(best(&found[..budget])), self.regret(found[trial].0)]);
        }
        Ok(regrets)
    }

    /// The share of slot time that waits. A sweep's runs do not differ a thousandfold: the longest twentieth is cut.
    fn idle(&self, proposer: &Proposer, trials: usize, slots: usize, error: f64) -> Result<f64, Error> {
        let mut sorted = self.times.clone();
        sorted.sort_by(f64::total_cmp);
        let most = sorted[sorted.len() * 19 / 20];
        let time = |row: usize, error: f64| self.times[row].min(most) * error.exp() * 1e6;
        let cost = |trial: usize, row: usize| Some(time(row, error * normal(proposer.seed, "predicted", trial)) as u64);
        let found = self.search(proposer, trials, slots, &|_, row| self.scores[row][0], &cost)?;
        let costs: Vec<u64> = found.iter().enumerate().filter_map(|(trial, found)| cost(trial, found.0)).collect();
        let took = found.iter().enumerate().map(|(trial, found)| time(found.0, 0.05 * normal(proposer.seed, "took", trial)));
        Ok(idle(slots, &costs, &took.collect::<Vec<_>>()))
    }

    /// Rows and observed scores of a search's trials. What a trial sees is said by their costs; without, all but the slots' last.
    fn search(
        &self,
        proposer: &Proposer,
        trials: usize,
        slots: usize,
        score: &dyn Fn(usize, usize) -> f64,
        cost: &dyn Fn(usize, usize) -> Option<u64>,
    ) -> Result<Vec<(usize, f64)>, Error> {
        let mut clock = Clock::new(slots);
        let (mut jobs, mut found): (Vec<Job>, Vec<(usize, f64)>) = Default::default();
        let mut clocked = true;
        for trial in 0..trials {
            let sees = if clocked { clock.sees() } else { (0..(trial + 1).saturating_sub(slots)).collect() };
            let seen: Vec<(usize, Score)> = sees.into_iter().map(|job| (job, Score::of(found[job].1))).collect();
            let job = proposer.propose(&jobs, &seen, &|_| true)?;
            let row = job
                .point
                .values()
                .iter()
                .zip(&self.counts)
                .fold(0, |row, (value, count)| row * count + value.expect("no parameter is conditional") as usize);
            found.push((row, score(trial, row)));
            let cost = cost(trial, row);
            clocked = cost.is_some();
            clock.push(cost.unwrap_or_default());
            jobs.push(job);
        }
        Ok(found)
    }

    fn mean(&self, row: usize) -> f64 {
        self.scores[row].iter().sum::<f64>() / self.scores[row].len() as f64
    }

    /// What a row's mean over seeds lacks to the best, as a share of best − median.
    fn regret(&self, row: usize) -> f64 {
        let mut sorted: Vec<f64> = (0..self.scores.len()).map(|row| self.mean(row)).collect();
        sorted.sort_by(f64::total_cmp);
        let (best, middle) = (sorted[sorted.len() - 1], sorted.len() / 2);
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * (sorted[middle - 1] + sorted[middle]) };
        (best - self.mean(row)) / (best - median)
    }
}

/// The row of the best observed, the first among equals, as the search itself names it.
fn best(found: &[(usize, f64)]) -> usize {
    found.iter().copied().reduce(|best, next| if next.1 > best.1 { next } else { best }).map_or(0, |(row, _)| row)
}
