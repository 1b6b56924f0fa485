use super::*;
use crate::config::{Experiment, load_str};

fn experiment(sweep: &str) -> Experiment {
    load_str("x.toml", &format!("name = 'x'\n{sweep}")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The points in short, those left out in brackets with why.
fn points(sweep: &str) -> Vec<String> {
    let experiment = experiment(sweep);
    let shown = |point: Point| {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let words: Vec<String> = point.values.iter().map(|(key, value)| format!("{}={value}", last(key))).collect();
        let words = words.join(" ");
        point.left_out.map_or(words.clone(), |why| format!("({words}: {why})"))
    };
    experiment.points().into_iter().map(shown).collect()
}

#[test]
fn parts_multiply_and_the_last_runs_fastest() {
    let all = points(
        "[sweep.grid]\n'training.epochs' = [1, 2]\n[sweep.zip]\n'training.batch_size' = [4, 8]\n'optimizer.adam.lr' = [0.1, 0.2]\n\
         [[sweep.points]]\n'augment.rotate90' = 0.5\n[[sweep.points]]\n'augment.flip_vertical' = 0.5",
    );
    assert_eq!(all.len(), 8);
    assert_eq!(all[0], "epochs=1 lr=0.1 batch_size=4 rotate90=0.5");
    assert_eq!(all[1], "epochs=1 lr=0.1 batch_size=4 flip_vertical=0.5");
    assert_eq!(all[7], "epochs=2 lr=0.2 batch_size=8 flip_vertical=0.5");
}

#[test]
fn nothing_varied_is_one_point_of_nothing() {
    assert_eq!(points(""), [""]);
}

#[test]
fn more_trials_and_other_keys_leave_draws_as_they_are() {
    let lr = "'optimizer.adam.lr' = { log_uniform = [1e-4, 1e-2] }";
    let few = points(&format!("[sweep.random]\ntrials = 3\n[sweep.random.draw]\n{lr}"));
    let more = points(&format!("[sweep.random]\ntrials = 6\n[sweep.random.draw]\n{lr}"));
    let beside = points(&format!(
        "[sweep.random]\ntrials = 3\n[sweep.random.draw]\n{lr}\n'training.batch_size' = {{ int = [1, 8] }}\n\
         'model.unet.norm' = {{ choice = ['batch', 'group'] }}"
    ));
    assert_eq!(few, more[..3]);
    let lr_alone = |point: &String| point.split(' ').find(|word| word.starts_with("lr=")).map(str::to_owned);
    assert_eq!(beside.iter().map(lr_alone).collect::<Vec<_>>(), few.iter().map(|point| Some(point.clone())).collect::<Vec<_>>());
    let other = points(&format!("[sweep.random]\ntrials = 3\nseed = 2\n[sweep.random.draw]\n{lr}"));
    assert_ne!(few, other);
}

#[test]
fn excluded_points_say_by_what() {
    let grid = "[sweep.grid]\n'training.epochs' = [1, 2]\n'training.batch_size' = [4, 8]\n";
    let all = points(&format!("{grid}[[sweep.exclude]]\n'training.epochs' = 2\n'training.batch_size' = [8, 16]"));
    let why = "excluded by training.batch_size = [8, 16], training.epochs = 2";
    assert_eq!(
        all,
        ["batch_size=4 epochs=1", "batch_size=4 epochs=2", "batch_size=8 epochs=1", &format!("(batch_size=8 epochs=2: {why})")]
    );
    // Values of the file itself count as well, here the default.
    let all = points(&format!("{grid}[[sweep.exclude]]\n'optimizer' = 'adam'\n'training.epochs' = 1\n'loss.bce' = 0.5"));
    assert_eq!(all.iter().filter(|point| point.starts_with('(')).count(), 2);
}

#[test]
fn a_key_is_varied_only_where_its_conditions_hold() {
    let all = points(
        "[sweep.grid]\n'model.unet.norm' = ['batch', 'group']\n'model.unet.groups' = [2, 4]\n\
         [sweep.when.'model.unet.groups']\n'model.unet.norm' = 'group'",
    );
    assert_eq!(all, ["norm=\"batch\"", "norm=\"group\" groups=2", "norm=\"group\" groups=4"]);
}

#[test]
fn conditions_see_what_falls_away() {
    let all = points(
        "[sweep.grid]\n'training.epochs' = [1, 2]\n'training.accumulate' = [2]\n'training.batch_size' = [7]\n\
         [sweep.when.'training.accumulate']\n'training.epochs' = 2\n[sweep.when.'training.batch_size']\n'training.accumulate' = 2",
    );
    assert_eq!(all, ["epochs=1", "epochs=2 accumulate=2 batch_size=7"]);
}

#[test]
fn each_choice_has_keys_of_its_own() {
    let all = points(
        "[sweep.grid]\n'optimizer' = [{ adam = {} }, { sgd = {} }]\n[sweep.zip]\n'optimizer.adam.lr' = [1e-3, 1e-4]\n\
         'optimizer.sgd.lr' = [0.1, 0.2]\n[sweep.when.'optimizer.adam.lr']\n'optimizer' = 'adam'\n\
         [sweep.when.'optimizer.sgd.lr']\n'optimizer' = 'sgd'",
    );
    let [adam, sgd] = ["optimizer={ adam = {} }", "optimizer={ sgd = {} }"];
    let expected = [format!("{adam} lr=0.001"), format!("{adam} lr=0.0001"), format!("{sgd} lr=0.1"), format!("{sgd} lr=0.2")];
    assert_eq!(all, expected);
}

#[test]
fn a_condition_is_not_made_true_by_its_own_key() {
    let all = points("[sweep.zip]\n'optimizer.sgd.lr' = [0.1, 0.2]\n[sweep.when.'optimizer.sgd.lr']\n'optimizer' = 'sgd'");
    assert_eq!(all, [""]);
}

#[test]
fn conditions_know_the_defaults_of_a_choice() {
    let all =
        points("[sweep.grid]\n'optimizer' = [{ adam = {} }, { sgd = {} }]\n[[sweep.exclude]]\n'optimizer.sgd.momentum' = 0.9");
    assert_eq!(all, ["optimizer={ adam = {} }", "(optimizer={ sgd = {} }: excluded by optimizer.sgd.momentum = 0.9)"]);
}
