//! What a report makes of run directories in every state: finished, failed, under way, damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use umlaut::plan::{RunId, RunSpec};
use umlaut::record::{EpochRecord, Outcome, Status};
use umlaut::report::{self, Error, Written};
use umlaut::store::{ExperimentDir, Results, RunDir};

fn experiment() -> (TempDir, ExperimentDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = Results::new(temp.path()).experiment("widths");
    (temp, dir)
}

fn create(dir: &ExperimentDir, channels: &str, seed: u64) -> RunDir {
    let differs = vec![("model.unet.channels".to_owned(), channels.to_owned()), ("seed".to_owned(), seed.to_string())];
    let id = RunId::from_name(&format!("channels-{}_seed-{seed}", channels.replace(['[', ']', ',', ' '], "")));
    let spec = RunSpec { id, experiment: toml::from_str("name = 'widths'").unwrap(), differs };
    let run = dir.run(&spec.id);
    run.create(&spec, "").unwrap();
    run
}

fn row(epoch: usize, dice: f64, loss: f64) -> EpochRecord {
    let iou = dice / (2.0 - dice);
    let values = [
        ("lr", 1e-3),
        ("train_loss", loss * 0.9),
        ("train_dice", dice),
        ("train_iou", iou),
        ("val_loss", loss),
        ("val_dice", dice),
        ("val_iou", iou),
        ("val_dice_disc", dice),
        ("val_dice_cup", dice - 0.1),
    ];
    EpochRecord { epoch, values: values.map(|(name, v)| (name.to_owned(), v)).to_vec() }
}

fn log(run: &RunDir, rows: &[EpochRecord]) {
    let mut writer = run.metrics_after(0).unwrap();
    rows.iter().for_each(|row| writer.append(row, 1.5).unwrap());
}

fn finish(run: &RunDir, rows: &[EpochRecord], status: Status, cause: Option<&str>) {
    log(run, rows);
    let best = rows.iter().filter(|r| r.get("val_loss").unwrap().is_finite());
    let best = best.min_by(|a, b| a.get("val_loss").unwrap().total_cmp(&b.get("val_loss").unwrap()));
    let outcome = Outcome {
        status,
        cause: cause.map(str::to_owned),
        epochs: rows.len(),
        best_epoch: best.map(|row| row.epoch),
        best_by: "val_loss".into(),
        best: best.map(|row| row.values.iter().cloned().collect()).unwrap_or_default(),
        test: BTreeMap::from([("dice".to_owned(), 0.5)]),
        ..Outcome::default()
    };
    run.write_outcome(&outcome).unwrap();
}

fn rising(epochs: usize, top: f64) -> Vec<EpochRecord> {
    (1..=epochs).map(|e| row(e, top * e as f64 / epochs as f64, 1.0 - 0.5 * e as f64 / epochs as f64)).collect()
}

/// Every element is closed in order, attributes are quoted, and every reference leads somewhere.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a stray > in {}", &rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes of <{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "open at the end: {open:?}");
    for reference in svg.split("url(#").skip(1).chain(svg.split("href=\"#").skip(1)) {
        let name = reference.split([')', '"']).next().unwrap();
        assert!(svg.contains(&format!("id=\"{name}\"")), "{name} is not defined");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "a number that is none");
}

fn write(dir: &ExperimentDir) -> Written {
    let written = report::write(dir, &report::Wanted::default()).unwrap();
    written.charts.iter().for_each(|chart| assert_well_formed(&text(chart)));
    assert!(written.table.lines().all(|line| line.chars().count() <= 80), "{}", written.table);
    written
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn names(written: &Written) -> Vec<String> {
    written.charts.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn finished_and_failed_runs_are_compared() {
    let (_temp, dir) = experiment();
    finish(&create(&dir, "[8, 16]", 1), &rising(3, 0.8), Status::Finished, None);
    finish(&create(&dir, "[8, 16]", 2), &rising(3, 0.9), Status::Finished, None);
    let mut bad = rising(3, 0.99);
    bad[2] = row(3, f64::NAN, f64::NAN);
    finish(&create(&dir, "[16, 32]", 1), &bad, Status::Failed, Some("the loss is NaN in epoch 3"));
    let written = write(&dir);
    assert_eq!(
        names(&written),
        ["loss.svg", "dice.svg", "iou.svg", "dice_disc.svg", "dice_cup.svg", "scores.svg", "lr.svg", "time.svg"]
    );
    let report = text(written.report.as_ref().unwrap());
    assert!(report.contains("**Best: channels 8-16, validation Dice 0.8500 ± 0.0707 (2 runs).**"), "{report}");
    assert!(report.contains("| 1 | channels 8-16 | 2/2 | **0.8500 ± 0.0707** | 0.2147 to 1.0000 |"), "{report}");
    assert!(report.contains("| – | channels 16-32 | 0/1 | – |"), "a failed run has no part in the means: {report}");
    assert!(report.contains("`channels-1632_seed-1` failed: the loss is NaN in epoch 3"), "{report}");
    assert!(report.contains("3 runs in 2 groups: 2 finished, 1 failed."), "{report}");
    names(&written).iter().for_each(|name| assert!(report.contains(&format!("(charts/{name})")), "{report}"));
    assert!(written.table.contains("0.850 ± 0.071"), "{}", written.table);
    assert!(text(&written.charts[1]).contains(">failed</text>"));
}

#[test]
fn the_table_is_as_wide_as_is_wanted() {
    let (_temp, dir) = experiment();
    finish(&create(&dir, "[8, 16]", 1), &rising(3, 0.8), Status::Finished, None);
    let cause = "a reason that is said in more words than there is room for in a line of eighty columns or of a hundred and twenty of them";
    finish(&create(&dir, "[16, 32]", 1), &[], Status::Failed, Some(cause));
    for columns in [60, 80, 120] {
        let table = report::write(&dir, &report::Wanted { columns, ..report::Wanted::default() }).unwrap().table;
        let widest = table.lines().map(|line| line.chars().count()).max().unwrap();
        assert!((columns - 20..=columns).contains(&widest), "{widest} of {columns}: {table}");
    }
}

/// HD95 of validation and test as a run ends with it, and of a class, which is left to the CSV files.
#[test]
fn extra_metrics_have_columns() {
    let (_temp, dir) = experiment();
    for (seed, distance) in [(1, 3.0), (2, 4.0)] {
        let run = create(&dir, "[8, 16]", seed);
        finish(&run, &rising(3, 0.8), Status::Finished, None);
        let mut outcome = run.outcome().unwrap().unwrap();
        for (name, value) in [("val_hd95", distance), ("val_hd95_cup", 77.0), ("val_rand_score", 0.25 * distance)] {
            outcome.best.insert(name.to_owned(), value);
        }
        outcome.test.insert("test_hd95".to_owned(), distance + 2.0);
        outcome.test.insert("test_hd95_cup".to_owned(), 77.0);
        run.write_outcome(&outcome).unwrap();
    }
    let formats = vec![report::Format::Html, report::Format::Markdown, report::Format::Latex];
    let written = report::write(&dir, &report::Wanted { formats, ..report::Wanted::default() }).unwrap();
    let report = text(written.report.as_ref().unwrap());
    assert!(report.contains("| best epoch | HD95 (pixels) | Rand score |"), "{report}");
    assert!(report.contains("| 3 | 3.5000 ± 0.7071 | 0.8750 ± 0.1768 |"), "{report}");
    assert!(
        report.contains("| group | Dice | HD95 (pixels) |") && report.contains("| 0.5000 ± 0.0000 | 5.5000 ± 0.7071 |"),
        "{report}"
    );
    assert!(report.contains("Less is better: HD95 (pixels).") && !report.contains("77.0"), "{report}");
    let html = text(written.html.as_ref().unwrap()).replace('\u{a0}', " ");
    let tables = html.split("<h2>Groups</h2>").nth(1).and_then(|rest| rest.split("<h2>Charts</h2>").next()).unwrap();
    for words in
        ["val HD95 (pixels)", "val Rand score", ">HD95 (pixels)<", "3.5000 ± 0.7071", "0.8750 ± 0.1768", "5.5000 ± 0.7071"]
    {
        assert!(tables.contains(words), "{words} is not in {tables}");
    }
    assert!(tables.contains("Less is better: loss, HD95 (pixels).") && !tables.contains("77.0"), "{tables}");
    let latex = text(written.latex.as_ref().unwrap());
    assert!(latex.contains(r"group & Dice & HD95 (pixels) \\") && latex.contains("Less is better: HD95 (pixels)."), "{latex}");
}

#[test]
fn runs_of_an_earlier_plan_are_no_repetitions() {
    let (_temp, dir) = experiment();
    let id = |seed: u64| format!("channels-816_seed-{seed}-0123456{seed}89");
    for seed in [1, 2] {
        let differs = vec![("seed".to_owned(), seed.to_string())];
        let experiment = toml::from_str("name = 'widths'").unwrap();
        let spec = RunSpec { id: RunId::from_name(&id(seed)), experiment, differs };
        let run = dir.run(&spec.id);
        run.create(&spec, "").unwrap();
        finish(&run, &rising(2, 0.4 * seed as f64), Status::Finished, None);
    }
    assert!(
        text(&write(&dir).report.unwrap()).contains("2 runs in 1 group: 2 finished."),
        "nothing was planned, so all are shown"
    );
    // Renamed by what the sweep varies now; the end of the id stays.
    let now = format!("renamed-{}", id(2).rsplit('-').next().unwrap());
    dir.write_plan(&[vec!["run".into(), "status".into()], vec![now, "finished".into()]]).unwrap();
    let report = text(&write(&dir).report.unwrap());
    assert!(report.contains("1 run in 1 group: 1 finished. 1 run of other plans not shown."), "{report}");
    assert!(report.contains("0.8000") && !report.contains("0.4000"), "{report}");
}

#[test]
fn the_summary_has_a_row_a_run() {
    let (_temp, dir) = experiment();
    finish(&create(&dir, "[8, 16]", 2), &rising(2, 0.8), Status::Finished, None);
    log(&create(&dir, "[8, 16]", 10), &rising(4, 0.5)[..1]);
    let summary = text(&write(&dir).summary);
    let mut lines = summary.lines();
    assert_eq!(
        lines.next().unwrap(),
        "run,group,model.unet.channels,seed,status,epochs,best_epoch,\
         val_loss,val_dice,val_iou,val_dice_disc,val_dice_cup,test_dice,seconds,cause"
    );
    let first = lines.next().unwrap();
    assert!(first.starts_with("channels-816_seed-2,channels 8-16,\"[8, 16]\",2,finished,2,2,0.5,0.8,"), "{first}");
    assert!(first.ends_with(",0.5,3.000,"), "{first}");
    let second = lines.next().unwrap();
    assert!(second.starts_with("channels-816_seed-10,channels 8-16,\"[8, 16]\",10,unfinished,1,1,0.875,0.125,"), "{second}");
    assert!(second.ends_with(",,1.500,"), "no test yet: {second}");
    assert_eq!(lines.next(), None);
}

#[test]
fn equal_files_give_equal_bytes() {
    let bytes = || {
        let (_temp, dir) = experiment();
        finish(&create(&dir, "[8, 16]", 1), &rising(12, 0.8), Status::Finished, None);
        finish(&create(&dir, "[16, 32]", 1), &rising(12, 0.9), Status::Finished, None);
        let written = write(&dir);
        let files = written.charts.iter().chain(&written.report).chain(&written.html).chain([&written.summary, &written.groups]);
        (files.map(|path| text(path)).collect::<Vec<_>>(), written.table)
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn one_epoch_is_enough() {
    let (_temp, dir) = experiment();
    log(&create(&dir, "[8, 16]", 1), &rising(1, 0.4));
    let charts = dir.path().join("charts");
    fs::create_dir(&charts).unwrap();
    for name in ["parameter-lr.svg", "heat-a-b.png", "importance.svg", "mine.svg", "parameters.txt"] {
        fs::write(charts.join(name), "").unwrap();
    }
    let written = write(&dir);
    let there = |name: &&str| charts.join(name).exists();
    assert!(!["parameter-lr.svg", "heat-a-b.png", "importance.svg"].iter().any(&there), "of an earlier report");
    assert!(["mine.svg", "parameters.txt"].iter().all(there));
    assert_eq!(
        names(&written),
        ["loss.svg", "dice.svg", "iou.svg", "dice_disc.svg", "dice_cup.svg", "scores.svg", "lr.svg", "time.svg"]
    );
    assert!(
        text(written.report.as_ref().unwrap()).contains("validation Dice so far: 0.4000 (1 run)"),
        "{}",
        text(written.report.as_ref().unwrap())
    );
}

#[test]
fn runs_without_an_epoch_are_listed() {
    let (_temp, dir) = experiment();
    create(&dir, "[8, 16]", 1);
    finish(&create(&dir, "[16, 32]", 1), &[], Status::Failed, Some("no memory: 3 | 4 GB"));
    let written = write(&dir);
    assert_eq!(names(&written), [""; 0]);
    let report = text(written.report.as_ref().unwrap());
    assert!(report.contains("No run has ended an epoch yet.") && report.contains("There is nothing to draw yet."), "{report}");
    assert!(report.contains(r"failed: no memory: 3 \| 4 GB"), "{report}");
}

#[test]
fn no_runs_are_an_error_that_names_the_place() {
    let (_temp, dir) = experiment();
    let error = report::write(&dir, &report::Wanted::default()).unwrap_err();
    assert!(matches!(&error, Error::NoRuns { path } if path.ends_with("widths")), "{error}");
    assert!(!dir.path().exists(), "nothing is written");
}

#[test]
fn a_damaged_run_does_not_hide_the_others() {
    let (_temp, dir) = experiment();
    finish(&create(&dir, "[8, 16]", 1), &rising(3, 0.8), Status::Finished, None);
    let damaged = create(&dir, "[8, 16]", 2);
    fs::write(damaged.path().join("metrics.csv"), "epoch,lr\n1,abc\n").unwrap();
    let written = write(&dir);
    let report = text(written.report.as_ref().unwrap());
    assert!(report.contains("`channels-816_seed-2` damaged: ") && report.contains("line 2"), "{report}");
    assert!(report.contains("| channels 8-16 | 1/2 | 0.8000 | – |"), "{report}");
}

#[test]
fn missing_columns_and_values_that_are_no_numbers_are_left_out() {
    let (_temp, dir) = experiment();
    let run = create(&dir, "[8, 16]", 1);
    let loss = |epoch, v| EpochRecord { epoch, values: vec![("train_loss".into(), v)] };
    log(&run, &[loss(1, 2.0), loss(2, f64::INFINITY), loss(3, f64::NAN), loss(4, 1.0)]);
    let written = write(&dir);
    assert_eq!(names(&written), ["loss.svg", "time.svg"]);
    // Two dots: nothing is drawn through the epochs in between.
    assert_eq!(text(&written.charts[0]).matches("stroke-dasharray=\"16 11\"").count(), 1, "only the key is dashed");
}

#[test]
fn twelve_groups_with_names_that_need_escaping() {
    let (_temp, dir) = experiment();
    for i in 0..12 {
        let differs = vec![("dataset.folders.root".to_owned(), format!("\"<a & b>/{}/{i}\"", "long/".repeat(40)))];
        let spec = RunSpec { id: RunId::from_name(&format!("r{i}")), experiment: toml::from_str("name = 'w'").unwrap(), differs };
        let run = dir.run(&spec.id);
        run.create(&spec, "").unwrap();
        finish(&run, &rising(5, 0.9 - 0.01 * i as f64), Status::Finished, None);
    }
    let written = write(&dir);
    assert_eq!(written.charts.len(), 9, "{:?}", names(&written));
    assert!(text(&written.charts[0]).contains("&lt;a &amp; b&gt;"));
}

/// The last words of their keys and the values are equal: they must not pass for seeds of one group.
#[test]
fn runs_of_different_keys_are_different_groups_whatever_they_are_called() {
    let (_temp, dir) = experiment();
    for (optimizer, dice) in [("adam", 0.9), ("sgd", 0.5)] {
        for seed in [1, 2] {
            let key = format!("optimizer.{optimizer}.lr");
            let differs = vec![(key, "0.01".to_owned()), ("seed".to_owned(), seed.to_string())];
            let id = RunId::from_name(&format!("{optimizer}_seed-{seed}"));
            let spec = RunSpec { id, experiment: toml::from_str("name = 'widths'").unwrap(), differs };
            let run = dir.run(&spec.id);
            run.create(&spec, "").unwrap();
            finish(&run, &[row(1, dice, 1.0 - dice)], Status::Finished, None);
        }
    }
    let written = report::write(&dir, &report::Wanted::default()).unwrap();
    let text = fs::read_to_string(dir.path().join("report.md")).unwrap();
    assert!(text.contains("optimizer.adam.lr 0.01") && text.contains("optimizer.sgd.lr 0.01"), "{text}");
    assert!(written.table.contains("2 groups"), "{}", written.table);
}

/// Before a run ends nothing but run.toml says what chooses its best epoch.
#[test]
fn the_best_epoch_so_far_is_chosen_as_it_will_be_in_the_end() {
    let (_temp, dir) = experiment();
    let run = create(&dir, "[4, 8]", 1);
    let mut input: umlaut::config::Experiment = toml::from_str("name = 'widths'").unwrap();
    input.training.best = "val_dice".to_owned();
    fs::write(run.run_toml(), input.to_toml()).unwrap();
    log(&run, &[row(1, 0.9, 0.8), row(2, 0.5, 0.2)]);
    report::write(&dir, &report::Wanted::default()).unwrap();
    let text = fs::read_to_string(dir.path().join("report.md")).unwrap();
    assert!(text.contains("the best epoch by `val_dice`") && text.contains("0.9000"), "{text}");
}
