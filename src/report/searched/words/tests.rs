use super::*;
use crate::record::{Confirmation, SearchSettings, TrialJob, TrialResult};

/// A search without halving of trials with these scores, NaN for one that diverged.
fn search(scores: &[Option<f64>]) -> Search {
    let settings = SearchSettings {
        version: 1,
        sampler: "gp".into(),
        seed: 1,
        parallel: 4,
        by: "val_dice".into(),
        rungs: vec![9],
        eta: 3,
        seeds: vec![1],
        folds: 1,
        space: String::new(),
        base: String::new(),
    };
    let job = |trial: usize| TrialJob {
        job: trial,
        trial,
        rung: 0,
        epochs: 9,
        runs: vec![format!("a-{trial}")],
        start: 0,
        cost: 1,
        seen: 0,
        seen_hash: String::new(),
        values: vec!["0.5".into()],
    };
    let result = |(trial, score): (usize, &Option<f64>)| TrialResult { job: trial, trial, rung: 0, score: *score };
    Search {
        settings,
        keys: vec!["lr".into()],
        jobs: (0..scores.len()).map(job).collect(),
        results: scores.iter().enumerate().map(result).collect(),
        fresh: Vec::new(),
        winner: None,
        importance: Vec::new(),
    }
}

/// The same with trial 1 as the winner: its scores of the last fresh seeds, and by trial those of the seeds that decided.
fn won(last: &[f64], deciding: &[(usize, &[f64])]) -> Search {
    let fresh = |(trial, scores): &(usize, &[f64])| {
        let row = |(seed, score): (usize, &f64)| Confirmation {
            trial: *trial,
            seed: seed as u64,
            runs: Vec::new(),
            score: Some(*score),
        };
        scores.iter().enumerate().map(row).collect::<Vec<_>>()
    };
    let winner = Winner {
        trial: 1,
        trials: 3,
        by: "val_dice".into(),
        searched: 0.9,
        confirmed: last.iter().sum::<f64>() / last.len() as f64,
        scores: last.to_vec(),
        seeds: vec![7, 8, 9],
        values: [("lr".to_owned(), "0.5".to_owned())].into(),
    };
    let search = search(&[Some(0.8), Some(0.9), Some(0.85)]);
    Search { fresh: deciding.iter().flat_map(fresh).collect(), winner: Some(winner), ..search }
}

#[test]
fn where_all_diverged_nothing_is_named() {
    let words = of(&search(&[Some(f64::NAN), Some(f64::NAN)]), None).join(" ");
    assert!(words.contains(
        "No trial has a score: 2 trials so far, all of them diverged. So there is nothing to confirm and no winner is named."
    ));
    let words = of(&search(&[Some(f64::NAN), None]), None).join(" ");
    assert!(words.contains("2 trials so far, 1 diverged."), "{words}");
    assert_eq!(of(&search(&[None, None]), None), ["No trial has a score: 2 trials so far, none of them with a result."]);
    let words = of(&search(&[Some(f64::NAN), Some(0.5)]), None).join(" ");
    assert!(words.contains("2 trials so far. The best so far is trial 1, validation Dice 0.5000, which is flattered"), "{words}");
}

/// By hand: 0.85 ± 4.3027 · 0.01 / √3.
#[test]
fn a_winner_has_its_fresh_score_with_an_interval() {
    let words = of(&won(&[0.84, 0.85, 0.86], &[]), None);
    assert_eq!(
        words[0],
        "Named by the search: trial 1 (lr = 0.5), validation Dice 0.8500 (95 % interval 0.8252 to 0.8748), the mean over 3 fresh seeds that chose nothing."
    );
    assert_eq!(words[1], "In the search it had 0.9000: 0.0500 too good, as the best of 3 trials is apt to be.");
}

#[test]
fn a_winner_that_diverged_later_has_no_score() {
    let words = of(&won(&[0.84, f64::NAN, 0.86], &[]), None).join(" ");
    assert!(words.contains("but 1 of its 3 last fresh runs diverged: it has no score that holds"), "{words}");
    assert!(!words.contains("NaN") && !words.contains("Named by"), "{words}");
}

#[test]
fn what_the_deciding_seeds_leave_open_is_said() {
    let last = [0.84, 0.85, 0.86];
    let words = |of_rival: &[f64]| of(&won(&last, &[(2, of_rival), (1, &[0.86, 0.87]), (0, &[0.2])]), None)[2].clone();
    assert!(words(&[0.85, 0.875]).starts_with("The last rival, trial 2, was 0.0025 worse on the 2 fresh seeds of both"));
    assert!(words(&[0.85, 0.875]).ends_with("which of the two is better remains undecided."));
    assert!(words(&[0.76, 0.7701]).contains("the winner is better, unless these seeds"), "{}", words(&[0.76, 0.7701]));
    assert!(words(&[0.5]).ends_with("one seed does not say which of the two is better."));
    assert!(words(&[0.5, f64::NAN]).ends_with("one seed does not say which of the two is better."));
}

#[test]
fn a_rung_at_which_most_have_learnt_nothing_is_told() {
    let of_rungs = |scores: &[f64]| {
        let mut search = search(&scores.iter().map(|score| Some(*score)).collect::<Vec<_>>());
        search.settings.rungs = vec![3, 9, 27];
        of(&search, Some(0.884)).join(" ")
    };
    let words = of_rungs(&[0.884, 0.9, 0.93, 0.88, f64::NAN]);
    assert!(
        words.contains("After epoch 3 most trials, 3 of 4, had learnt nothing yet (the best constant mask has 0.884)"),
        "{words}"
    );
    assert!(words.contains("`search.halving.lowest = 9`"), "{words}");
    assert!(!of_rungs(&[0.884, 0.91, 0.93, 0.88]).contains("learnt"), "half of them is not most");
    // Without halving nothing is stopped.
    assert!(!of(&search(&[Some(0.5), Some(0.5)]), Some(0.884)).join(" ").contains("learnt"));
}
