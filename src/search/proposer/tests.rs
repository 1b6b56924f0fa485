//! Rules of the door, one by one; whole searches are played in tests/search_history.rs.

use super::super::example::space;
use super::super::{Domain, Parameter};
use super::*;

fn proposer(sampler: Sampler) -> Proposer {
    Proposer { space: space(), sampler, seed: 1, rungs: Rungs::whole(50) }
}

const SAMPLERS: [Sampler; 4] = [Sampler::Gp, Sampler::Tpe, Sampler::Sobol, Sampler::Random];

fn anything(_: &Point) -> bool {
    true
}

/// A search of so many jobs, each of which sees all before it.
fn search(proposer: &Proposer, count: usize, score: impl Fn(usize, &Job) -> Score) -> Vec<Job> {
    let (mut jobs, mut seen): (Vec<Job>, Vec<(usize, Score)>) = Default::default();
    for m in 0..count {
        let job = proposer.propose(&jobs, &seen, &anything).unwrap();
        seen.push((m, score(m, &job)));
        jobs.push(job);
    }
    jobs
}

fn height(_: usize, job: &Job) -> Score {
    Score::of(-job.point.values()[0].unwrap().abs())
}

#[test]
fn the_order_of_results_does_not_matter() {
    for sampler in SAMPLERS {
        let proposer = proposer(sampler);
        let jobs = search(&proposer, 14, height);
        let mut seen: Vec<(usize, Score)> = jobs.iter().enumerate().map(|(m, job)| (m, height(m, job))).collect();
        let next = proposer.propose(&jobs, &seen, &anything);
        seen.reverse();
        assert_eq!(proposer.propose(&jobs, &seen, &anything), next, "{sampler:?}");
        seen.swap(2, 9);
        assert_eq!(proposer.propose(&jobs, &seen, &anything), next, "{sampler:?}");
    }
}

#[test]
fn the_first_ten_and_those_that_see_few_are_sobols() {
    let expected = search(&proposer(Sampler::Sobol), 11, height);
    for sampler in [Sampler::Gp, Sampler::Tpe] {
        let jobs = search(&proposer(sampler), 11, height);
        assert_eq!(jobs[..10], expected[..10]);
        assert_ne!(jobs[10], expected[10]);
        let four: Vec<(usize, Score)> = (0..4).map(|m| (m, Score::of(0.5))).collect();
        assert_eq!(proposer(sampler).propose(&jobs[..10], &four, &anything), Ok(expected[10].clone()));
    }
}

#[test]
fn a_diverged_run_is_as_bad_as_the_worst() {
    let diverged = |m, job: &Job| if m % 3 == 0 { Score::Diverged } else { height(m, job) };
    for sampler in [Sampler::Gp, Sampler::Tpe] {
        let proposer = proposer(sampler);
        let jobs = search(&proposer, 12, diverged);
        let seen: Vec<(usize, Score)> = jobs.iter().enumerate().map(|(m, job)| (m, diverged(m, job))).collect();
        let worst = seen.iter().filter_map(|(_, score)| score.value()).fold(f64::INFINITY, f64::min);
        let named: Vec<(usize, Score)> = seen.iter().map(|(m, s)| (*m, Score::of(s.value().unwrap_or(worst)))).collect();
        assert_eq!(proposer.propose(&jobs, &seen, &anything), proposer.propose(&jobs, &named, &anything), "{sampler:?}");
        let all: Vec<(usize, Score)> = (0..12).map(|m| (m, Score::Diverged)).collect();
        assert!(proposer.propose(&jobs, &all, &anything).is_ok());
        assert_eq!(proposer.ranking(&jobs, &all), [0; 0]);
    }
}

#[test]
fn excluded_configurations_are_drawn_again() {
    let allowed = |point: &Point| point.values()[4] != Some(1.0);
    for sampler in SAMPLERS {
        let proposer = proposer(sampler);
        let (mut jobs, mut seen) = (Vec::new(), Vec::new());
        for m in 0..25 {
            let job = proposer.propose(&jobs, &seen, &allowed).unwrap();
            assert!(allowed(&job.point), "{sampler:?}, job {m}");
            seen.push((m, height(m, &job)));
            jobs.push(job);
        }
        assert_eq!(proposer.propose(&jobs, &seen, &|_| false), Err(Exhausted));
    }
}

#[test]
fn a_small_space_is_tried_to_the_last_and_nothing_twice() {
    let small = vec![Parameter::new("a", Domain::Ordered(6)), Parameter::new("b", Domain::Choice(4))];
    for sampler in SAMPLERS {
        let proposer = Proposer { space: Space::new(small.clone()).unwrap(), ..proposer(sampler) };
        let jobs = search(&proposer, 24, height);
        let keys: std::collections::BTreeSet<_> = jobs.iter().map(|job| job.point.key()).collect();
        assert_eq!(keys.len(), 24, "{sampler:?}");
        let seen: Vec<(usize, Score)> = jobs.iter().enumerate().map(|(m, job)| (m, height(m, job))).collect();
        assert_eq!(proposer.propose(&jobs, &seen, &anything), Err(Exhausted));
    }
}

/// With three rungs of a small space: once all six have begun, the best goes on however few there are.
#[test]
fn halving_goes_on_after_the_space_is_tried() {
    let space = Space::new(vec![Parameter::new("a", Domain::Ordered(6))]).unwrap();
    let proposer = Proposer { space, rungs: Rungs::new(18, 3, 2), ..proposer(Sampler::Random) };
    let jobs = search(&proposer, 18, height);
    let mut each: Vec<(usize, usize)> = jobs.iter().map(|job| (job.trial, job.rung)).collect();
    each.sort_unstable();
    assert_eq!(each, (0..6).flat_map(|trial| (0..3).map(move |rung| (trial, rung))).collect::<Vec<_>>());
}

/// By hand: of three trials at the lowest rung the best goes on; the ranking is then of the higher rung alone.
#[test]
fn only_the_highest_rung_is_ranked() {
    let proposer = Proposer { rungs: Rungs::new(50, 3, 2), ..proposer(Sampler::Sobol) };
    let score = |m: usize, _: &Job| Score::of([0.3, 0.9, 0.5, 0.2][m]);
    let jobs = search(&proposer, 4, score);
    assert_eq!((jobs[3].trial, jobs[3].rung, &jobs[3].point), (1, 1, &jobs[1].point));
    let seen: Vec<(usize, Score)> = jobs.iter().enumerate().map(|(m, job)| (m, score(m, job))).collect();
    assert_eq!(proposer.ranking(&jobs, &seen[..3]), [1, 2, 0]);
    assert_eq!(proposer.ranking(&jobs, &seen), [1]);
    let diverged = [&seen[..3], &[(3, Score::Diverged)]].concat();
    assert_eq!(proposer.ranking(&jobs, &diverged), [1, 2, 0], "a rung at which all diverged was not reached");
}

/// A trial that diverged at the lowest rung counts at the model's rung, too, though it never got there.
#[test]
fn a_model_of_a_higher_rung_knows_what_diverged_before_it() {
    let space = Space::new(vec![Parameter::new("a", Domain::Uniform(-1.0, 1.0))]).unwrap();
    let proposer = Proposer { space, rungs: Rungs::new(4, 2, 1), ..proposer(Sampler::Gp) };
    let jobs = search(&proposer, 40, height);
    let mut seen: Vec<(usize, Score)> = jobs.iter().enumerate().map(|(m, job)| (m, height(m, job))).collect();
    let before = Board::new(3, &jobs, &seen);
    let rung = model_rung(1, &before.seen);
    assert!(rung > 0);
    let stopped = (0..40).find(|m| jobs[*m].rung == 0 && !before.has_job(jobs[*m].trial, 1)).unwrap();
    seen[stopped].1 = Score::Diverged;
    let after = Board::new(3, &jobs, &seen);
    assert_eq!(after.results(rung).len(), before.results(rung).len() + 1);
    assert!(after.results(rung).iter().any(|(point, _)| *point == jobs[stopped].point));
}
