//! Laws: a resolved experiment survives being written and read, nothing makes a panic, and no file of the right shape is one
//! that serde does not take.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use std::path::PathBuf;
use umlaut::config::*;
use umlaut::metric::ExtraMetric;

fn share() -> impl Strategy<Value = f64> {
    1e-6..0.999_999
}

fn positive() -> impl Strategy<Value = f64> {
    prop_oneof![1e-12..1e-3, 1e-3..1e3, Just(f64::MIN_POSITIVE), Just(f64::MAX), Just(1.0)]
}

fn seed() -> impl Strategy<Value = u64> {
    prop_oneof![0..100_u64, Just(i64::MAX as u64)]
}

fn path() -> impl Strategy<Value = PathBuf> {
    "[ -~äß\"\\\\]{1,12}".prop_map(PathBuf::from)
}

fn group() -> impl Strategy<Value = Option<String>> {
    option::of(select(vec!["^a", "(\\d+)", "\"'", "ä.\\\\"]).prop_map(str::to_owned))
}

fn dataset() -> impl Strategy<Value = Dataset> {
    let targets = select(vec![vec![FundusTarget::Cup], vec![FundusTarget::Disc, FundusTarget::Cup]]);
    let classes = select(vec![vec!["a".to_owned()], vec!["b-2".to_owned(), "c".to_owned()]]);
    let policy = select(vec![MaskPolicy::Any, MaskPolicy::Majority, MaskPolicy::All]);
    let colour = select(vec![Colour::Auto, Colour::Grey, Colour::Rgb]);
    prop_oneof![
        (100..10_000_usize, seed(), [32..400_usize, 32..400], targets.clone())
            .prop_map(|(count, seed, size, targets)| Dataset::Synthetic(Synthetic { count, seed, size, targets })),
        (path(), path(), path(), classes.clone(), colour).prop_map(|(root, images, masks, classes, colour)| {
            Dataset::Folders(Folders {
                pairs: None,
                root,
                images,
                masks,
                classes,
                mask_values: MaskValues::Indexed,
                ignore: vec![255, 7],
                partial: false,
                colour,
                channel_axis: umlaut::config::ChannelAxis::Last,
                levels: Default::default(),
                colours: Default::default(),
                class_masks: Default::default(),
            })
        }),
        (path(), targets, policy)
            .prop_map(|(root, targets, mask_policy)| { Dataset::DrishtiGs(DrishtiGs { root, targets, mask_policy }) }),
        (path(), path(), classes).prop_map(|(images, labels, classes)| {
            Dataset::Stack(Stack { images, labels, classes, mask_values: MaskValues::Indexed, ignore: vec![9] })
        }),
    ]
}

fn split() -> impl Strategy<Value = SplitRule> {
    prop_oneof![
        (select(vec![(0.7, 0.2, 0.1), (0.5, 0.5, 0.0)]), seed(), group())
            .prop_map(|((train, val, test), seed, group)| SplitRule::Fractions(FractionSplit { train, val, test, seed, group })),
        (2..9_usize, any::<bool>(), 0.0..0.5, seed(), group()).prop_map(|(k, all, test, seed, group)| {
            SplitRule::KFold(KFoldSplit { k, folds: if all { vec![] } else { vec![k, 1] }, test, seed, group })
        }),
        vec("\\PC{1,6}", 1..4).prop_map(|names| {
            let part = |part: usize| names.iter().enumerate().map(|(i, name)| format!("{part}{i}{name}")).collect();
            SplitRule::Lists(ListSplit { train: part(0), val: part(1), test: part(2) })
        }),
    ]
}

fn optimizer() -> impl Strategy<Value = Optimizer> {
    prop_oneof![
        (positive(), [share(), share()], positive(), positive())
            .prop_map(|(lr, betas, eps, weight_decay)| Optimizer::Adam(Adam { lr, betas, eps, weight_decay })),
        (positive(), [share(), share()], positive(), positive())
            .prop_map(|(lr, betas, eps, weight_decay)| Optimizer::Adamw(Adamw { lr, betas, eps, weight_decay })),
        (positive(), share(), any::<bool>()).prop_map(|(lr, momentum, nesterov)| Optimizer::Sgd(Sgd {
            lr,
            momentum,
            nesterov,
            weight_decay: 0.0
        })),
    ]
}

fn lr_schedule() -> impl Strategy<Value = LrSchedule> {
    prop_oneof![
        Just(LrSchedule::Constant(ConstantLr {})),
        (1..50_usize, share()).prop_map(|(every, gamma)| LrSchedule::Step(StepLr { every, gamma })),
        (1..9_usize, share()).prop_map(|(n, gamma)| LrSchedule::MultiStep(MultiStepLr { milestones: (1..=n).collect(), gamma })),
        share().prop_map(|gamma| LrSchedule::Exponential(ExponentialLr { gamma })),
        Just(LrSchedule::Cosine(CosineLr { min_lr: 0.0 })),
        positive().prop_map(|power| LrSchedule::Polynomial(PolynomialLr { power })),
        (share(), 0..30_usize, positive(), 0..9_usize).prop_map(|(factor, patience, threshold, cooldown)| {
            LrSchedule::Plateau(PlateauLr { metric: "val_iou".into(), factor, patience, threshold, cooldown, min_lr: 0.0 })
        }),
        (positive(), share())
            .prop_map(|(peak, rise)| { LrSchedule::OneCycle(OneCycleLr { peak, rise, start_divisor: 2.5, end_divisor: 1e5 }) }),
    ]
}

fn model() -> impl Strategy<Value = Model> {
    let (up, norm) = (select(vec![Up::NearestConv, Up::Transposed]), select(vec![Norm::Batch, Norm::Group, Norm::None]));
    (vec(1..64_usize, 2..5), up, norm, 1..9_usize).prop_map(|(channels, up, norm, groups)| {
        Model::Unet(Unet { channels: channels.into_iter().map(|c| c * groups).collect(), up, norm, groups, ..Unet::default() })
    })
}

fn initial() -> impl Strategy<Value = Initial> {
    let file = ("w/[a-z]{1,9}", vec("[a-z.0-9]{1,9}", 0..2), option::of("[0-9a-f]{64}"));
    prop_oneof![Just(Initial::default()), file.prop_map(|(weights, skip, hash)| Initial { weights, skip, hash }),]
}

fn training() -> impl Strategy<Value = Training> {
    let best = select(vec!["val_loss", "val_dice", "val_bce"]);
    let precision = select(vec![Precision::F32, Precision::Tf32, Precision::Bf16]);
    let more = (option::of(positive()), option::of(1..99_usize), initial());
    (9..999_usize, 1..99_usize, 1..9_usize, more, precision, best, seed()).prop_map(
        |(epochs, batch_size, accumulate, (clip_norm, samples, initial), precision, best, seed)| {
            let (best, seeds) = (best.to_owned(), vec![seed, 12_345]);
            Training {
                epochs,
                batch_size,
                accumulate,
                clip_norm,
                samples,
                precision,
                deterministic: seed % 2 == 0,
                best,
                initial,
                seeds,
                ..Training::default()
            }
        },
    )
}

fn sweep() -> impl Strategy<Value = Sweep> {
    let axes = [
        ("augment.flip_vertical", "[0.25, 1, 0.5]"),
        ("preprocess", "[{ fit = 'crop' }, { size = [64, 64] }]"),
        ("optimizer", "[{ adam = {} }, { sgd = { lr = 3 } }]"),
        ("dataset.synthetic.targets", "[['disc'], ['cup', 'disc']]"),
    ];
    select(vec![0, 1, 2, 3, 5, 15]).prop_map(move |chosen: usize| {
        let grid = axes.iter().enumerate().filter(|(i, _)| chosen & (1 << i) != 0);
        let text: String = grid.map(|(_, (key, values))| format!("'{key}' = {values}\n")).collect();
        let rest = if chosen == 15 {
            "[zip]\n'loss.bce' = [1, 2]\n'training.epochs' = [20, 30]\n[[points]]\n'training.batch_size' = 3\n\
             [random]\ntrials = 2\n[random.draw]\n'loss.dice' = { uniform = [0.5, 1] }\n'training.accumulate' = { int = [1, 2] }\n\
             [[exclude]]\n'loss.bce' = [1, 7]\n[when.'loss.dice']\n'optimizer' = 'adam'"
        } else {
            ""
        };
        toml::from_str(&format!("[grid]\n{text}{rest}")).unwrap()
    })
}

fn search() -> Search {
    let text = "by = 'val_iou'\nlost = [3]\n[draw]\n'loss.dice' = { uniform = [0.5, 1] }\n'training.accumulate' = { log_int = [1, 2] }\n\
                'training.batch_size' = { ordered = [4, 3] }\n'augment.flip_vertical' = { choice = [0.5, 1] }\n[[exclude]]\n\
                'training.batch_size' = 4\n'training.accumulate' = 2\n[when.'augment.flip_vertical']\n'training.accumulate' = 1\n\
                [halving]\neta = 2\n[confirm]\ntop = 3";
    toml::from_str(text).unwrap()
}

prop_compose! {
    fn experiment()(
        name in "[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,30}",
        description in "(?s).{0,30}",
        (dataset, split, model) in (dataset().boxed(), split().boxed(), model().boxed()),
        size in [1..20_usize, 1..20],
        fit in select(vec![Fit::Pad, Fit::Stretch, Fit::Crop]),
        (flip_horizontal, flip_vertical) in (share(), share()),
        (bce, dice) in (positive(), 0.0..3.0),
        (optimizer, lr_schedule, training, sweep) in (optimizer().boxed(), lr_schedule().boxed(), training().boxed(), sweep().boxed()),
        (epochs, start_factor) in (0..9_usize, share()),
        extra in subsequence(vec![ExtraMetric::Hd95, ExtraMetric::BoundaryIou, ExtraMetric::Ece], 0..3),
        spacing_mm in option::of([positive(), positive()]),
        threshold in prop_oneof![share().prop_map(Threshold::Fixed), Just(Threshold::default()), Just(Threshold::By(ThresholdBy::Validation))],
    ) -> Experiment {
        Experiment {
            name,
            description,
            dataset,
            preprocess: Preprocess { size: size.map(|side| side * 16), fit, ..Preprocess::default() },
            patches: None,
            split,
            augment: Augment { flip_horizontal, flip_vertical, ..Augment::default() },
            model,
            loss: Loss { bce, dice, ..Loss::default() },
            optimizer,
            lr_schedule,
            lr_warmup: LrWarmup { epochs, start_factor },
            training,
            metrics: Metrics { extra, spacing_mm, threshold },
            search: sweep.is_empty().then(search),
            sweep,
        }
    }
}

/// Loads a text that may be bad; what serde says about a file would mean that the shape let pass what serde does not take.
fn survives(text: &str) {
    match load_str("x.toml", text) {
        Ok(experiment) => assert_eq!(load_str("y.toml", &experiment.to_toml()).unwrap(), experiment),
        Err(problems) => {
            let shown = problems.to_string();
            let of_serde = ["error: invalid type", "error: invalid value", "error: unknown", "error: missing field"];
            assert!(!of_serde.iter().any(|words| shown.contains(words)), "{shown}");
            assert!(problems.len() > 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_written_experiment_reads_back_equal(experiment in experiment()) {
        let text = experiment.to_toml();
        match load_str("x.toml", &text) {
            Ok(read) => prop_assert_eq!(read, experiment),
            Err(problems) => prop_assert!(false, "{}\n{}", problems, text),
        }
    }

    #[test]
    fn garbage_is_no_panic(text in "(?s).{0,200}") {
        survives(&text);
    }

    #[test]
    fn toml_like_garbage_is_no_panic(pieces in vec(select(PIECES), 0..60)) {
        survives(&pieces.concat());
    }

    #[test]
    fn a_mutated_template_is_no_panic(cuts in vec((any::<Index>(), 0..6_usize, select(PIECES)), 1..5)) {
        let mut text: Vec<char> = template("x").chars().collect();
        for (at, length, piece) in cuts {
            let start = at.index(text.len());
            text.splice(start..(start + length).min(text.len()), piece.chars());
        }
        survives(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_set_is_no_panic(set in prop_oneof!["(?s).{0,30}", vec(select(PIECES), 0..6).prop_map(|p| p.concat())]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "name = 'x'").unwrap();
        if let Err(problems) = load(file.path(), &[set]) {
            assert!(problems.to_string().contains("mistake"));
        }
    }

    #[test]
    fn any_point_is_no_panic(key in vec(select(PIECES), 0..4), number in any::<f64>()) {
        let base = load_str("x.toml", "name = 'x'").unwrap();
        let _ = base.at(&[(key.concat(), toml::Value::Float(number))]);
    }
}

const PIECES: &[&str] = &[
    "name",
    "dataset",
    "folders",
    "split",
    "k_fold",
    "optimizer",
    "adam",
    "sgd",
    "lr",
    "training",
    "seeds",
    "sweep.grid",
    "sweep.zip",
    "sweep.points",
    "sweep.random",
    "draw",
    "uniform",
    "sweep.exclude",
    "sweep.when",
    "extends",
    "model.unet.channels",
    "\"training.epochs\"",
    "preprocess.size",
    "augment",
    "lr_schedule",
    "one_cycle",
    " = ",
    ".",
    ".",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    ",",
    "\n",
    "\n",
    "\r\n",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "0",
    "1",
    "-1",
    "1e400",
    "nan",
    "inf",
    "2.5",
    "true",
    "1979-05-27",
    "99999999999999999999",
    "\u{feff}",
    "ä",
    "\0",
    "\t",
    "\\",
    "\"x\"",
    "[1, 2]",
    "{ a = 1 }",
    "[training]\n",
];

proptest! {
    // Each has dozens of mistakes, whose explanation takes half a second where nothing is optimized.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_template_with_lines_mixed_is_no_panic(swaps in vec((any::<Index>(), any::<Index>()), 1..20), bare in any::<bool>()) {
        let text = template("x");
        let text = if bare { text.replace("\n#", "\n") } else { text };
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
        for (a, b) in swaps {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
        }
        survives(&lines.join("\n"));
    }
}
