//! Files of a run that cannot be read: what each costs, and putting it aside so that the run can go on.
//!
//! Nothing is deleted: what is damaged, and what counts no longer because of it, moves into a folder `damaged-N` of the run. Metadata
//! costs the end of the run, which is made again from the resume state; rows that are lost cost all of it.

use super::error::{Error, Result, named};
use super::names::{CHECKPOINTS, METRICS, OUTCOME, PER_IMAGE, PLACE, PROVENANCE, RUN, SAMPLES, THRESHOLDS, TIMING};
use super::run_dir::RunDir;
use std::fs;

/// All that holds numbers of a run.
const NUMBERS: [&str; 7] = [METRICS, TIMING, OUTCOME, PER_IMAGE, THRESHOLDS, CHECKPOINTS, SAMPLES];

/// A damaged file, and what goes aside with it.
struct Damage {
    problem: Error,
    aside: Vec<&'static str>,
    /// What that costs, in words.
    cost: &'static str,
}

impl RunDir {
    /// Puts files that cannot be read aside, and says of each, in a sentence, what was wrong, where it is now and what that costs. Only for who
    /// holds the claim.
    ///
    /// # Errors
    /// If a file cannot be moved.
    pub fn put_damaged_aside(&self) -> Result<Vec<String>> {
        let damage = self.damage();
        if damage.is_empty() {
            return Ok(Vec::new());
        }
        let free = (1..).map(|n| self.path().join(format!("damaged-{n}"))).find(|dir| !dir.exists());
        let folder = free.expect("there are more numbers than folders");
        named(fs::create_dir(&folder), "creating", &folder)?;
        let mut said = Vec::new();
        for Damage { problem, aside, cost } in damage {
            for name in aside {
                let from = self.path().join(name);
                if from.symlink_metadata().is_ok() {
                    named(fs::rename(&from, folder.join(name)), "moving", &from)?;
                }
            }
            said.push(format!("{}; it is in {} now: {cost}", problem.without_remedy(), folder.display()));
        }
        named(fs::create_dir_all(self.path().join(CHECKPOINTS)), "creating", self.path())?;
        Ok(said)
    }

    /// Whether a file of the run cannot be read.
    pub fn is_damaged(&self) -> bool {
        !self.damage().is_empty()
    }

    fn damage(&self) -> Vec<Damage> {
        // Where there is nothing to go on from, the run starts over, and nothing of what it has is to be written over.
        let (of_end, cost): (&[&str], _) = match self.resume_state().exists() {
            true => (&[OUTCOME], "the end of the run is made again from its checkpoints"),
            false => {
                (&NUMBERS, "there is no resume state to go on from, so the run is trained again, and what it had is there too")
            }
        };
        let checks = [
            (self.metrics().err(), METRICS, &NUMBERS[..], "the run is trained again, and what it had is there too"),
            (self.outcome().err(), OUTCOME, of_end, cost),
            (self.provenance().err(), PROVENANCE, of_end, cost),
            (self.image_scores().err(), PER_IMAGE, of_end, cost),
            (self.threshold_scores().err(), THRESHOLDS, of_end, cost),
            (self.place_problem(), PLACE, &[], "it is written anew"),
            (self.run_toml_problem(), RUN, &[], "it is written anew"),
        ];
        let found = checks.into_iter().filter_map(|(problem, name, with, cost)| {
            let aside = std::iter::once(name).chain(with.iter().copied()).collect();
            Some(Damage { problem: problem.filter(Error::is_of_one_file)?, aside, cost })
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, Status};

    fn finished(dir: &std::path::Path) -> RunDir {
        let run = RunDir::at(dir);
        fs::create_dir_all(dir.join(CHECKPOINTS)).unwrap();
        run.write_outcome(&Outcome { status: Status::Finished, ..Outcome::default() }).unwrap();
        [run.resume_state(), run.best_checkpoint(), dir.join(METRICS)].iter().for_each(|path| fs::write(path, "").unwrap());
        run
    }

    #[test]
    fn a_damaged_file_costs_as_little_as_can_be_and_stays() {
        for (name, gone, stays) in [
            (OUTCOME, &[OUTCOME][..], &[METRICS, CHECKPOINTS][..]),
            (PROVENANCE, &[PROVENANCE, OUTCOME], &[METRICS]),
            (PER_IMAGE, &[PER_IMAGE, OUTCOME], &[METRICS]),
            (THRESHOLDS, &[THRESHOLDS, OUTCOME], &[METRICS]),
            (PLACE, &[PLACE], &[METRICS, OUTCOME]),
            (METRICS, &[METRICS, OUTCOME], &[]),
        ] {
            let temp = tempfile::tempdir().unwrap();
            let run = finished(temp.path());
            assert!(!run.is_damaged(), "{name}");
            fs::write(temp.path().join(name), [0xff, b'\n']).unwrap();
            let said = run.put_damaged_aside().unwrap();
            assert!(said.len() == 1 && said[0].contains(name) && said[0].contains("damaged-1"), "{said:?}");
            assert!(
                gone.iter().all(|file| !temp.path().join(file).exists() && temp.path().join("damaged-1").join(file).exists())
            );
            assert!(stays.iter().all(|file| temp.path().join(file).exists()), "{name}");
            assert_eq!(run.resume_state().exists(), name != METRICS);
            assert!(!run.is_damaged() && run.put_damaged_aside().unwrap().is_empty());
        }
    }

    #[test]
    fn without_a_resume_state_nothing_is_written_over() {
        let temp = tempfile::tempdir().unwrap();
        let run = finished(temp.path());
        fs::remove_file(run.resume_state()).unwrap();
        fs::write(temp.path().join(OUTCOME), "status =").unwrap();
        run.put_damaged_aside().unwrap();
        assert!(!run.best_checkpoint().exists() && temp.path().join("damaged-1/checkpoints/best.safetensors").exists());
    }
}
