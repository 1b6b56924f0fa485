//! A search's history is a function of its settings and results alone: whole searches, played on made-up slots.

use std::collections::BTreeSet;
use umlaut::search::{
    Clock, Domain, Exhausted, Job, Parameter, Point, Proposer, Rungs, SEARCH_VERSION, Sampler, Score, Space, Stream,
};

/// Numbers on both scales, whole numbers, a choice and what is active by it.
fn space() -> Space {
    let parameters = vec![
        Parameter::new("lr", Domain::LogUniform(1e-5, 1e-1)),
        Parameter::new("depth", Domain::Int(2, 6)),
        Parameter::new("channels", Domain::Ordered(5)),
        Parameter::new("norm", Domain::Choice(3)),
        Parameter::new("groups", Domain::LogInt(1, 32)).when("norm", &[2.0]),
    ];
    Space::new(parameters).unwrap()
}

fn proposer(sampler: Sampler, rungs: Rungs) -> Proposer {
    Proposer { space: space(), sampler, seed: 3, rungs }
}

/// What a job comes to: a hill, a little noise, and a corner where training diverges.
fn score(job: &Job) -> Score {
    let [channels, depth, groups, lr, norm] = std::array::from_fn(|at| job.point.values()[at].unwrap_or(4.0));
    if lr > 0.05 && depth > 4.0 {
        return Score::Diverged;
    }
    let noise = Stream::new(8, "noise", job.trial, job.rung).uniform();
    let hill = (libm::log10(lr) + 2.7).powi(2) + 0.3 * (depth - 4.0).powi(2) + 0.2 * (channels - 3.0).powi(2);
    Score::of(0.1 * job.rung as f64 - 0.1 * hill + if norm == 1.0 { 0.2 } else { 0.01 * groups } + 0.1 * noise)
}

/// Ticks that a job is predicted to take: more for larger networks.
fn cost(proposer: &Proposer, job: &Job) -> u64 {
    let epochs = proposer.rungs.epochs();
    let before = job.rung.checked_sub(1).map_or(0, |rung| epochs[rung]);
    (epochs[job.rung] - before) as u64 * 1000 * (1 + job.point.values()[0].unwrap() as u64)
}

/// Plays a search of so many jobs on 4 virtual and `slots` real slots. Real durations are those of a `world`, from a third to
/// three times what was predicted; results arrive in the order in which jobs really end.
fn play(proposer: &Proposer, count: usize, slots: usize, world: u64) -> Vec<Job> {
    let (mut clock, mut free) = (Clock::new(4), vec![0.0_f64; slots]);
    let (mut jobs, mut ends): (Vec<Job>, Vec<f64>) = Default::default();
    for m in 0..count {
        let mut sees = clock.sees();
        sees.sort_by(|a, b| ends[*a].total_cmp(&ends[*b]));
        let seen: Vec<(usize, Score)> = sees.iter().map(|job| (*job, score(&jobs[*job]))).collect();
        let job = proposer.propose(&jobs, &seen, &|_| true).unwrap();
        let slot = (0..slots).min_by(|a, b| free[*a].total_cmp(&free[*b])).unwrap();
        let begins = sees.last().map_or(0.0, |last| ends[*last]).max(free[slot]);
        let predicted = cost(proposer, &job);
        let really = predicted as f64 * 9_f64.powf(Stream::new(world, "duration", m, 0).uniform() - 0.5);
        free[slot] = begins + really;
        ends.push(free[slot]);
        clock.push(predicted);
        jobs.push(job);
    }
    jobs
}

/// The searches that are played: sampler, rungs, and how many jobs.
fn searches() -> Vec<(Proposer, usize)> {
    let halving = || Rungs::new(50, 3, 2);
    vec![
        (proposer(Sampler::Random, Rungs::whole(50)), 40),
        (proposer(Sampler::Sobol, halving()), 60),
        (proposer(Sampler::Tpe, Rungs::whole(50)), 50),
        (proposer(Sampler::Tpe, halving()), 60),
        (proposer(Sampler::Gp, Rungs::whole(50)), 24),
        (proposer(Sampler::Gp, halving()), 34),
    ]
}

#[test]
fn no_number_of_slots_and_no_duration_changes_a_history() {
    for (proposer, count) in searches() {
        let history = play(&proposer, count, 1, 0);
        for (slots, world) in [(2, 1), (4, 2), (9, 3)] {
            assert!(play(&proposer, count, slots, world) == history, "{:?} on {slots} slots", proposer.sampler);
        }
    }
}

#[test]
fn more_jobs_extend_a_history() {
    for (proposer, count) in searches() {
        let short = play(&proposer, count - 7, 4, 1);
        assert!(play(&proposer, count, 4, 1)[..count - 7] == short, "{:?}", proposer.sampler);
    }
}

/// After a kill only rows and results are left: each row follows from those before it.
#[test]
fn every_job_follows_from_what_is_stored() {
    for (proposer, count) in searches() {
        let stored = play(&proposer, count, 4, 5);
        for killed_at in [0, 3, 11, count - 1] {
            let mut clock = Clock::new(4);
            stored[..killed_at].iter().for_each(|job| clock.push(cost(&proposer, job)));
            let seen: Vec<(usize, Score)> = clock.sees().into_iter().map(|job| (job, score(&stored[job]))).collect();
            let again = proposer.propose(&stored[..killed_at], &seen, &|_| true);
            assert_eq!(again, Ok(stored[killed_at].clone()), "{:?}, job {killed_at}", proposer.sampler);
        }
    }
}

/// Plays a search that is killed a hundred times at random moments. Rows and results outlive a kill, runs under way begin anew. The next start proposes
/// a row of the past again, and goes on on another number of slots.
#[test]
fn a_hundred_kills_change_no_history() {
    let searches = searches().into_iter().filter(|(proposer, _)| proposer.sampler != Sampler::Gp);
    for (world, (proposer, count)) in (20..).zip(searches) {
        let whole = play(&proposer, count, 4, 1);
        let mut numbers = (0..).map(|draw| Stream::new(world, "kills", draw, 0).uniform());
        let mut below = move |limit: usize| (numbers.next().unwrap() * limit as f64) as usize;
        let (mut jobs, mut results): (Vec<Job>, Vec<Option<Score>>) = Default::default();
        let (mut kills, mut slots, mut running): (usize, usize, Vec<usize>) = (0, 3, Vec::new());
        while kills < 100 || results.len() < count || results.contains(&None) {
            // What has a row and no result is trained, in any order; then what can begin, in the order of jobs.
            let waiting: Vec<usize> = (0..jobs.len()).filter(|job| results[*job].is_none() && !running.contains(job)).collect();
            running.extend(waiting.into_iter().take(slots - running.len()));
            let open = results.iter().filter(|result| result.is_none()).count();
            let free = running.len() < slots && open < slots && jobs.len() < count;
            if let Some(job) = next(&proposer, &jobs, &results).filter(|_| free) {
                jobs.push(job);
                results.push(None);
                continue;
            }
            // Two kills for each end, about.
            if kills < 100 && below(3) > 0 {
                kills += 1;
                running.clear();
                slots = 1 + below(9);
                let past = below(jobs.len() + 1).min(jobs.len().saturating_sub(1));
                assert_eq!(next(&proposer, &jobs[..past], &results).as_ref(), jobs.get(past), "job {past} after kill {kills}");
            } else if !running.is_empty() {
                let ended = running.swap_remove(below(running.len()));
                results[ended] = Some(score(&jobs[ended]));
            }
        }
        assert!(jobs == whole && kills >= 100, "{:?} after {kills} kills", proposer.sampler);
    }
}

/// The job after these, by what is stored; `None` while a result is missing that it has to see.
fn next(proposer: &Proposer, jobs: &[Job], results: &[Option<Score>]) -> Option<Job> {
    let mut clock = Clock::new(4);
    jobs.iter().for_each(|job| clock.push(cost(proposer, job)));
    let seen = clock.sees().into_iter().map(|job| Some((job, results[job]?))).collect::<Option<Vec<_>>>()?;
    Some(proposer.propose(jobs, &seen, &|_| true).unwrap())
}

/// What numbers a standard library or a processor calculates in its own way has no place in proposals: the same file would give another history on
/// another machine.
#[test]
fn proposals_use_no_arithmetic_of_the_machine() {
    let own = [
        ".exp(",
        ".ln(",
        ".log10(",
        ".log2(",
        ".powf(",
        ".powi(",
        ".sin(",
        ".cos(",
        ".tanh(",
        ".mul_add(",
        ".par_",
        "f32",
        "HashMap",
        "HashSet",
    ];
    let sources = walkdir::WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/search"))
        .into_iter()
        .map(|entry| entry.unwrap().into_path());
    let mut read = 0;
    for path in sources.filter(|path| path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for word in own {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
        read += 1;
    }
    assert!(read > 20);
}

#[test]
fn no_configuration_comes_twice_and_none_is_half_active() {
    for (proposer, count) in searches() {
        let jobs = play(&proposer, count, 4, 1);
        let points: Vec<&Point> = jobs.iter().filter(|job| job.rung == 0).map(|job| &job.point).collect();
        assert_eq!(points.iter().map(|point| point.key()).collect::<BTreeSet<_>>().len(), points.len());
        // Sorted by name: groups is the third, norm the last.
        assert!(points.iter().all(|point| point.values()[2].is_some() == (point.values()[4] == Some(2.0))));
    }
}

#[test]
fn halving_trains_few_trials_to_the_end() {
    let rungs = Rungs::new(50, 3, 2);
    let jobs = play(&proposer(Sampler::Tpe, rungs), 150, 4, 1);
    let count = |rung| jobs.iter().filter(|job| job.rung == rung).count();
    assert!(count(0) > 2 * count(1) && count(1) > 2 * count(2) && count(2) > 2 * count(3) && count(3) > 0);
    let diverged = |job: &&Job| score(job) == Score::Diverged;
    assert!(jobs.iter().filter(|job| job.rung > 0).all(|job| !diverged(&job)), "what diverges at once never goes on");
}

#[test]
fn seeds_and_samplers_differ() {
    let first = play(&proposer(Sampler::Tpe, Rungs::whole(50)), 12, 4, 1);
    let other = Proposer { seed: 4, ..proposer(Sampler::Tpe, Rungs::whole(50)) };
    assert!(play(&other, 12, 4, 1)[0] != first[0]);
    assert_eq!(other.propose(&[], &[], &|_| false), Err(Exhausted));
}

/// Oracle: the code of this version on x86-64. Where these change, so does the history of every search that began before:
/// `SEARCH_VERSION` has to be raised, so that it is not continued in silence.
#[test]
fn histories_are_those_of_this_version() {
    let hash = |(proposer, count): (Proposer, usize)| {
        let mut hasher = blake3::Hasher::new();
        for job in play(&proposer, count, 4, 1) {
            hasher.update(&(job.trial as u64).to_le_bytes()).update(&(job.rung as u64).to_le_bytes());
            job.point.key().iter().for_each(|bits| _ = hasher.update(&bits.to_le_bytes()));
        }
        hasher.finalize().to_hex()[..16].to_owned()
    };
    let found: Vec<String> = searches().into_iter().map(hash).collect();
    assert_eq!(SEARCH_VERSION, 1);
    assert_eq!(found, HISTORY_HASHES);
}

const HISTORY_HASHES: [&str; 6] =
    ["ee786b6bc5c4a8bc", "566ea7a1154c34cf", "b4e4cd8d5f8b42e2", "4454b25f0c06f611", "3fff9e7b11e19c8b", "a4706d0b1151af37"];
