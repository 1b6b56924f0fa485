//! Rounds of a confirmation, played out on made-up scores.

use super::*;
use std::collections::BTreeMap;

/// Plays a confirmation to its end: the runs in their order, and what was named.
fn play(ranking: &[usize], top: usize, score: impl Fn(usize, usize) -> f64) -> (Vec<(usize, usize)>, Step) {
    let (mut done, mut runs) = (BTreeMap::new(), Vec::new());
    loop {
        match confirm(ranking, top, |trial, seed| done.get(&(trial, seed)).copied()) {
            Step::Run(needed) => {
                for (trial, seed) in needed {
                    assert_eq!(done.insert((trial, seed), Score::of(score(trial, seed))), None, "once each");
                    runs.push((trial, seed));
                }
            }
            end => return (runs, end),
        }
    }
}

/// By hand, 8 → 4 → 2 → 1: 8 with one seed, 4 with one more, 2 with two more, and three more of the winner.
#[test]
fn halves_get_twice_the_seeds() {
    let ranking = [9, 3, 5, 1, 0, 7, 2, 8, 6, 4];
    let (runs, end) = play(&ranking, 8, |trial, _| trial as f64);
    assert_eq!(runs.len(), 8 + 4 + 2 * 2 + LAST);
    assert_eq!(runs[..8], [9, 3, 5, 1, 0, 7, 2, 8].map(|trial| (trial, 0)));
    assert_eq!(runs[8..12], [9, 8, 7, 5].map(|trial| (trial, 1)));
    assert_eq!(runs[12..16], [(9, 2), (8, 2), (9, 3), (8, 3)]);
    assert_eq!(runs[16..], [(9, 4), (9, 5), (9, 6)]);
    assert_eq!(end, Step::Named(9, vec![Score::of(9.0); 3]));
    for (top, expected) in [(16, 16 + 8 + 8 + 8), (4, 4 + 2), (3, 3), (2, 2), (1, 0)] {
        assert_eq!(play(&(0..16).collect::<Vec<_>>(), top, |_, _| 0.0).0.len(), expected + LAST, "of {top}");
    }
}

/// The first of the search loses on its fresh seeds: its flattering score does not count.
#[test]
fn fresh_seeds_alone_decide() {
    let (_, end) = play(&[4, 1, 2, 0], 4, |trial, seed| if trial == 2 { 0.9 } else { 0.5 + 0.01 * seed as f64 });
    assert_eq!(end, Step::Named(2, vec![Score::of(0.9); 3]));
    let (_, end) = play(&[4, 1, 2, 0], 4, |_, _| 0.5);
    assert_eq!(end, Step::Named(4, vec![Score::of(0.5); 3]), "among equals the first of the search");
}

/// The mean over all its fresh seeds counts, not that of the last round.
#[test]
fn rounds_add_up() {
    let score = |trial: usize, seed: usize| [[0.9, 0.1], [0.6, 0.6], [0.0, 0.0], [0.0, 0.0]][trial][seed.min(1)];
    assert!(matches!(play(&[0, 1, 2, 3], 4, score).1, Step::Named(1, _)));
}

#[test]
fn what_diverges_once_comes_last() {
    let score = |trial: usize, seed: usize| if trial == 0 && seed == 1 { f64::NAN } else { 1.0 - trial as f64 };
    assert!(matches!(play(&[0, 1, 2, 3], 4, score).1, Step::Named(1, _)));
}

#[test]
fn few_trials_are_no_fault() {
    assert_eq!(confirm(&[], 8, |_, _| None), Step::Nothing);
    assert_eq!(confirm(&[3], 8, |_, _| None), Step::Run(vec![(3, 0), (3, 1), (3, 2)]));
    assert_eq!(confirm(&[3, 4], 0, |_, _| None), Step::Nothing);
    assert_eq!([39, 40, 119, 120].map(default_top), [4, 8, 8, 16]);
}

/// Where fresh seeds keep the order, waits were filled with exactly the runs that are needed.
#[test]
fn waits_are_filled_with_the_coming_runs() {
    let ranking = [5, 4, 3, 2, 1, 0];
    for top in [0, 1, 2, 3, 4, 6] {
        let mut played = play(&ranking, top, |trial, _| trial as f64).0;
        let mut coming = expected(&ranking, top);
        played.sort_unstable();
        coming.sort_unstable();
        assert_eq!(coming, played, "of {top}");
    }
}

#[test]
fn fresh_seeds_are_new_and_differ() {
    let first = fresh_seeds(1, 60, 40, &[]);
    assert_eq!(first, fresh_seeds(1, 60, 50, &[])[..40], "more seeds change none");
    let others = fresh_seeds(1, 60, 40, &first[..20]);
    assert!(others.iter().all(|seed| !first[..20].contains(seed)) && others[20..] == first[20..]);
    let mut sorted = first.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 40);
    assert_ne!(first, fresh_seeds(1, 61, 40, &[]), "a longer search is confirmed anew");
    assert_ne!(first, fresh_seeds(2, 60, 40, &[]));
}
