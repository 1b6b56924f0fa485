//! Evaluation: a convolution and its normalisation are one pass, whatever computes convolutions, and say what the CPU says.

use super::{Desk, TINY, can_emulate, ends_with, numbers};
use std::collections::BTreeMap;
use std::fs;

/// How often a run on the emulated device did what: kernels by name, copies, convolutions; in brackets what this machine did.
struct Done(BTreeMap<String, usize>);

impl Done {
    /// Of the only program that an experiment starts for a device.
    fn by(desk: &Desk, results: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let file = desk.path(&format!("{results}.counts"));
        let first = ["run", "x.toml", "--device", "cuda:0", "--results", results];
        let mut command = desk.command(&[&first, arguments].concat());
        ends_with(&command.env("SOFTWARE_CUDA_COUNT", &file).envs(environment.iter().copied()).output().unwrap(), 0);
        let mut done = BTreeMap::new();
        for line in fs::read_to_string(file).unwrap().lines() {
            let (count, what) = line.split_once(' ').unwrap();
            *done.entry(what.to_owned()).or_default() += count.parse::<usize>().unwrap();
        }
        Self(done)
    }

    fn of(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// What was done here and not there.
    fn beyond(&self, other: &Self) -> Self {
        Self(
            self.0
                .iter()
                .map(|(what, count)| (what.clone(), count.saturating_sub(other.of(what))))
                .filter(|(_, count)| *count > 0)
                .collect(),
        )
    }

    /// Kernels and convolutions: all but copies and the like, and what this machine did.
    fn launches(&self) -> usize {
        let is_launch = |what: &&String| !what.starts_with('(') && !["copy", "fill", "event", "free"].contains(&what.as_str());
        self.0.keys().filter(is_launch).map(|what| self.of(what)).sum()
    }
}

fn with_batch_norm() -> String {
    TINY.replace("norm = \"group\"\ngroups = 4", "norm = \"batch\"")
}

/// Oracle: the CPU's metrics.csv, and the launches that an evaluation without a pass for normalisation cannot have.
#[test]
fn evaluation_has_no_pass_for_normalisation_and_the_cpus_numbers() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&with_batch_norm());
    // Adam's ε is large, so that it does not blow rounding up.
    let sets = ["--set", "optimizer.adam.eps=1e-3"];
    ends_with(&desk.umlaut(&[&["run", "x.toml", "--device", "cpu", "--results", "cpu"], &sets[..]].concat()), 0);
    let right = numbers(&desk.read("cpu", "metrics.csv"));
    let done = |results: &str, environment: &[(&str, &str)]| {
        let done = Done::by(&desk, results, &sets, environment);
        let got = numbers(&desk.read(results, "metrics.csv"));
        let far = right.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(right.len() == got.len() && far < 1e-4, "{results}: {far}");
        done
    };
    let one = done("one", &[]);
    let folds = one.of("fold_norm") + one.of("fold_norm_of_upsampled");
    // Once an epoch and for the test split; validation has more batches than one.
    assert!(one.of("fold_norm_of_upsampled") > 0 && one.of("convolution with bias") > folds, "{:?}", one.0);
    // What is left of it is training's.
    assert_eq!((one.of("running_affine"), one.of("apply_affine")), (0, one.of("batch_affine")), "{:?}", one.0);

    let two = done("two", &[("SOFTWARE_CUDA_FAIL", "fused")]);
    let evaluated = one.of("convolution with bias");
    assert_eq!((two.of("running_affine"), two.of("convolution with bias")), (evaluated, 0), "without engines: {:?}", two.0);
    assert_eq!((two.of("apply_affine"), two.of("fold_norm")), (one.of("apply_affine") + evaluated, 0));
    let plain = done("plain", &[("UMLAUT_CONVOLUTIONS", "plain")]);
    assert_eq!(plain.of("running_affine"), 0, "{:?}", plain.0);
    assert_eq!((plain.of("fold_norm"), plain.of("convolution")), (one.of("fold_norm"), 0));
}

/// Oracle: errors of the same layers, each in two passes, against the CPU's f32. One pass rounds once, and its bias to bf16: the errors
/// that were measured are 0.9 to 1 times the others.
#[test]
fn evaluation_in_one_pass_is_as_exact_in_bf16() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let errors = |fail: &str| -> Vec<(String, f64)> {
        let said = desk.says(&["selftest", "--small", "--all", "--precision", "bf16"], &[("SOFTWARE_CUDA_FAIL", fail)], 0);
        let line = |line: &str| {
            let (what, rest) = line.split_once("evaluation: ")?.1.split_once(": result")?;
            Some((what.to_owned(), rest.split_whitespace().next()?.parse().unwrap()))
        };
        said.lines().filter_map(line).collect()
    };
    let (one, two) = (errors(""), errors("fused"));
    assert!(one.len() == 5 && two.len() == 5 && one != two, "{one:?} {two:?}");
    for ((what, one), (_, two)) in one.iter().zip(&two) {
        assert!(*one > 0.0 && *one < 1.1 * two, "{what}: {one} in one pass, {two} in two");
    }
}

/// A network as deep as that of experiments/baseline.toml, whose launches are as many. Oracle: the layers counted by hand, 22 units of
/// convolution, normalisation and ReLU, 4 of them of upsampled maps, and a head.
#[test]
fn launches_of_a_step_are_those_of_its_layers() {
    if !can_emulate() {
        return;
    }
    let text = with_batch_norm().replace("[8, 12]", "[8, 8, 8, 8, 8]").replace("accumulate = 2", "accumulate = 1");
    let text = text.replace("[16, 16]", "[32, 32]");
    let desk = Desk::with(&text);
    // Batches of one image: an epoch more, of `train` steps and `val` evaluations.
    let epoch = |train: f64, val: f64, test: f64| {
        let [a, b, c] = [train, val, test].map(|images| images / 6.0);
        let fractions = format!("split.fractions={{ train = {a}, val = {b}, test = {c} }}");
        let run = |epochs: usize| {
            let (epochs, results) = (format!("training.epochs={epochs}"), format!("{train}-{val}-{epochs}"));
            let sets = ["dataset.synthetic.count=6", "training.batch_size=1", &epochs, &fractions];
            Done::by(&desk, &results, &sets.iter().flat_map(|set| ["--set", *set]).collect::<Vec<_>>(), &[])
        };
        run(4).beyond(&run(3))
    };
    let both = epoch(2.0, 3.0, 1.0);
    let (step, look) = (both.beyond(&epoch(1.0, 3.0, 2.0)), both.beyond(&epoch(2.0, 2.0, 2.0)));
    println!("a step is {} launches: {:?}", step.launches(), step.0);
    println!("an evaluation is {} launches: {:?}", look.launches(), look.0);
    // Samples, 4 joined pairs of maps, 4 poolings, 4 upsampled maps, head, 2 of the loss; and of each unit a convolution, which was folded before.
    assert_eq!(look.launches(), 1 + 2 * 4 + 4 + 4 + 1 + 2 + 22);
    // Forwards 3 for normalisation, backwards 3 and two convolutions, but the first unit's one; maps that are joined have two of each.
    assert_eq!(step.of("convolution"), 22 + 21 + 22 + 2 * 4);
    assert_eq!(["moments", "batch_affine", "apply_affine", "gradient_sums"].map(|kernel| step.of(kernel)), [22; 4]);
    for done in [&step, &look] {
        assert_eq!(done.of("(launch of a graph)"), 1, "{:?}", done.0);
    }
}
