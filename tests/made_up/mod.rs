//! An experiment of any size that nobody ran: every file that a report reads, by the library's own writers. Equal orders give equal
//! files. Shared by scripts/bench_report.rs.

use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use umlaut::plan::{RunId, RunSpec};
use umlaut::record::{EpochRecord, Failure, ImageRow, ImageScores, Outcome, Provenance, Status};
use umlaut::store::{Error, ExperimentDir, Results};

/// What is made up: five learning rates × as many widths as it takes, each with so many seeds.
pub struct MadeUp {
    pub runs: usize,
    pub seeds: usize,
    pub epochs: usize,
    /// Images of the validation split, and of the test split.
    pub images: usize,
    /// Every so-manieth run diverges half-way; 0 for none.
    pub fails: usize,
}

const RATES: [&str; 5] = ["1e-4", "3e-4", "1e-3", "3e-3", "1e-2"];
const CLASSES: [&str; 2] = ["disc", "cup"];

impl MadeUp {
    /// Writes the experiment `made_up` below `results`.
    pub fn write(&self, results: &Results) -> Result<ExperimentDir, Error> {
        let dir = results.experiment("made_up");
        let experiment: umlaut::config::Experiment = toml::from_str("name = 'made_up'").expect("valid");
        let run_toml = experiment.to_toml();
        let mut plan = vec![vec!["id".to_owned()]];
        for run in 0..self.runs {
            let (group, seed) = (run / self.seeds, run % self.seeds + 1);
            let (rate, width) = (RATES[group % RATES.len()], 4 * (group / RATES.len() + 1));
            let channels = format!("[{width}, {}]", 2 * width);
            let differs = [("model.unet.channels", channels), ("optimizer.adam.lr", rate.to_owned()), ("seed", seed.to_string())];
            let differs = differs.map(|(key, value)| (key.to_owned(), value)).to_vec();
            let id = RunId::from_name(&format!("channels-{width}_lr-{rate}_seed-{seed}-{run:010x}"));
            plan.push(vec![id.to_string()]);
            let spec = RunSpec { id, experiment: experiment.clone(), differs };
            self.run(&dir, &spec, &run_toml, Course::new(group, seed), self.fails > 0 && run % self.fails == self.fails - 1)?;
        }
        dir.write_plan(&plan)?;
        Ok(dir)
    }

    fn run(&self, dir: &ExperimentDir, spec: &RunSpec, run_toml: &str, mut course: Course, diverges: bool) -> Result<(), Error> {
        let run = dir.run(&spec.id);
        run.create(spec, run_toml)?;
        run.write_provenance(&Provenance { started: Some("2026-03-01T12:00:00Z".to_owned()), ..Provenance::default() })?;
        let epochs = if diverges { self.epochs.div_ceil(2) } else { self.epochs };
        let mut rows: Vec<EpochRecord> = (1..=epochs).map(|epoch| course.row(epoch, self.epochs)).collect();
        let dice = |row: &EpochRecord| row.get("val_dice").expect("a column");
        let best = rows.iter().max_by(|a, b| dice(a).total_cmp(&dice(b))).expect("one epoch at least").clone();
        let mut outcome = Outcome {
            status: Status::Finished,
            epochs,
            best_epoch: Some(best.epoch),
            best_by: "val_dice".to_owned(),
            best: best.values.iter().cloned().collect(),
            ..Outcome::default()
        };
        if diverges {
            rows.last_mut().expect("one epoch at least").values.iter_mut().skip(1).for_each(|(_, value)| *value = f64::NAN);
            (outcome.status, outcome.failure) = (Status::Failed, Some(Failure::Diverged));
            outcome.cause = Some(format!("the loss is NaN in epoch {epochs}"));
        } else {
            outcome.test = BTreeMap::from_iter(
                best.values
                    .iter()
                    .filter_map(|(column, value)| Some((format!("test_{}", column.strip_prefix("val_")?), 0.98 * value))),
            );
            run.write_image_scores(&course.images(self.images, dice(&best)))?;
        }
        let mut writer = run.metrics_after(0)?;
        rows.iter().try_for_each(|row| writer.append(row, 2.5))?;
        run.write_outcome(&outcome)
    }
}

/// How a run's numbers go.
struct Course {
    /// Dice that it tends to.
    top: f64,
    noise: StdRng,
}

impl Course {
    fn new(group: usize, seed: usize) -> Self {
        let mut noise = StdRng::seed_from_u64((group * 1000 + seed) as u64);
        let from_best = (group % RATES.len()).abs_diff(2) as f64;
        let width = (group / RATES.len()) as f64;
        let top = 0.93 - 0.04 * from_best - 0.2 / (width + 3.0) + noise.random_range(-0.01..0.01);
        Self { top, noise }
    }

    fn row(&mut self, epoch: usize, epochs: usize) -> EpochRecord {
        let come = 1.0 - (-5.0 * epoch as f64 / epochs as f64).exp();
        let dice = (self.top * come + self.noise.random_range(-0.01..0.01)).clamp(0.0, 1.0);
        let mut values = vec![("lr".to_owned(), 1e-3 * 0.97_f64.powi(epoch as i32))];
        for (part, dice) in [("train", dice.sqrt()), ("val", dice)] {
            let own = [
                ("loss", 1.1 - dice),
                ("bce", 0.3 * (1.1 - dice)),
                ("dice_loss", 1.0 - dice),
                ("dice", dice),
                ("iou", dice / (2.0 - dice)),
            ];
            values.extend(own.map(|(name, value)| (format!("{part}_{name}"), value)));
        }
        for (class, dice) in CLASSES.iter().zip([dice + 0.02, dice - 0.02]) {
            values.push((format!("val_dice_{class}"), dice));
            values.push((format!("val_iou_{class}"), dice / (2.0 - dice)));
        }
        EpochRecord { epoch, values }
    }

    /// Scores around a mean; some images are harder than others, whoever looks at them.
    fn images(&mut self, images: usize, mean: f64) -> ImageScores {
        let mut rows = Vec::new();
        for (part, first) in [("val", 0), ("test", images)] {
            for image in first..first + images {
                let hard = 0.1 * ((image * 7919) % 13) as f64 / 13.0;
                for (class, shift) in CLASSES.iter().zip([0.02, -0.02]) {
                    let dice = (mean - hard + 0.05 + shift + self.noise.random_range(-0.02..0.02)).clamp(0.0, 1.0);
                    let values = vec![dice, dice / (2.0 - dice), 0.3 * (1.1 - dice), 1.0 - dice];
                    rows.push(ImageRow {
                        split: part.to_owned(),
                        image: format!("image-{image:03}"),
                        class: (*class).to_owned(),
                        values,
                    });
                }
            }
        }
        ImageScores { metrics: ["dice", "iou", "bce", "dice_loss"].map(str::to_owned).to_vec(), rows }
    }
}
