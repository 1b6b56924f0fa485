//! Searches with and without successive halving on learning curves that somebody else calculates. `scripts/bench_halving.py` does and compares with
//! Optuna.
//!
//!     cargo run --release --example bench_halving -- SAMPLER EPOCHS LOWEST SLOTS SEED BUDGET ... < ANSWERS
//!
//! SAMPLER is gp, tpe, sobol or random; a run has EPOCHS, and the first rung is at LOWEST, eta 3; LOWEST = EPOCHS trains all to the end. The search
//! ends at the last BUDGET, in epochs.
//!
//! The first line of input has a domain per parameter, in the order of their names: `u LOW HIGH`, `l LOW HIGH` (logarithmic), `i LOW HIGH`,
//! `j LOW HIGH` (logarithmic whole numbers), with `;` between. For each new trial its values are printed, and the validations of all its epochs are
//! read. `end` is printed at last, with the trial that would be recommended at each BUDGET.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use umlaut::search::{Clock, Domain, Job, Parameter, Proposer, Rungs, Sampler, Score, Space, rung_score};

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_halving: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sampler, numbers @ ..] = &arguments[..] else { return Err("a sampler is missing".into()) };
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let [epochs, lowest, slots, seed, budgets @ ..] = &numbers[..] else { return Err("numbers are missing".into()) };
    let sampler = match sampler.as_str() {
        "gp" => Sampler::Gp,
        "tpe" => Sampler::Tpe,
        "sobol" => Sampler::Sobol,
        "random" => Sampler::Random,
        other => return Err(format!("{other} is no sampler").into()),
    };
    let mut lines = std::io::stdin().lock().lines();
    let space = space(&lines.next().ok_or("no parameters")??)?;
    let rungs = if lowest < epochs { Rungs::new(*epochs, 3, *lowest) } else { Rungs::whole(*epochs) };
    let proposer = Proposer { space, sampler, seed: *seed as u64, rungs };
    let ask = |job: &Job| -> Result<Vec<f64>, Error> {
        let values: Vec<String> = job.point.values().iter().map(|value| value.unwrap_or(f64::NAN).to_string()).collect();
        println!("{}", values.join(" "));
        std::io::stdout().flush()?;
        let answer = lines.next().ok_or("an answer is missing")??;
        Ok(answer.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    };
    let best = search(&proposer, *slots, budgets, ask)?;
    println!("end {}", best.iter().map(usize::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}

/// The trials that are recommended when these budgets are spent.
fn search(
    proposer: &Proposer,
    slots: usize,
    budgets: &[usize],
    mut ask: impl FnMut(&Job) -> Result<Vec<f64>, Error>,
) -> Result<Vec<usize>, Error> {
    let (rungs, mut clock) = (proposer.rungs.epochs(), Clock::new(slots));
    let (mut jobs, mut curves, mut scores) = (Vec::<Job>::new(), Vec::<Vec<f64>>::new(), Vec::<(usize, Score)>::new());
    let (mut spent, mut best) = (0, Vec::new());
    while best.len() < budgets.len() {
        let seen: Vec<(usize, Score)> = clock.sees().into_iter().map(|job| scores[job]).collect();
        let job = proposer.propose(&jobs, &seen, &|_| true)?;
        if job.trial == curves.len() {
            curves.push(ask(&job)?);
        }
        let cost = rungs[job.rung] - job.rung.checked_sub(1).map_or(0, |before| rungs[before]);
        let score = rung_score(curves[job.trial].get(..rungs[job.rung]).ok_or("an answer has too few epochs")?);
        // A job that ends beyond a budget does not count for it.
        while best.len() < budgets.len() && spent + cost > budgets[best.len()] {
            best.push(*proposer.ranking(&jobs, &scores).first().ok_or("a budget is too small")?);
        }
        spent += cost;
        clock.push(1000 * cost as u64);
        scores.push((jobs.len(), score.ok_or("an answer is empty")?));
        jobs.push(job);
    }
    Ok(best)
}

fn space(line: &str) -> Result<Space, Error> {
    let parameter = |(at, words): (usize, &str)| -> Result<Parameter, Error> {
        let [kind, low, high] = words.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("{words} is no domain").into());
        };
        let domain = match kind {
            "u" => Domain::Uniform(low.parse()?, high.parse()?),
            "l" => Domain::LogUniform(low.parse()?, high.parse()?),
            "i" => Domain::Int(low.parse()?, high.parse()?),
            "j" => Domain::LogInt(low.parse()?, high.parse()?),
            other => return Err(format!("{other} is no kind of domain").into()),
        };
        Ok(Parameter::new(&format!("{at:02}"), domain))
    };
    Ok(Space::new(line.split(';').enumerate().map(parameter).collect::<Result<_, _>>()?)?)
}
