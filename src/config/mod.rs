//! From TOML to a checked [`Experiment`]: what was asked for.
//!
//! Nothing else of the crate is known here, and nobody else parses an experiment file. Whoever holds an `Experiment` holds one
//! whose every value was checked; the other rooms never check again.

mod experiment;

pub use experiment::*;

impl Experiment {
    /// This experiment with some values replaced, its sweep dropped.
    ///
    /// # Errors
    /// If the result is no valid experiment.
    pub fn at(&self, point: &[(String, toml::Value)]) -> Result<Self, String> {
        let mut experiment = self.clone();
        experiment.sweep = Sweep::default();
        let mut table = toml::Table::try_from(&experiment).map_err(|e| e.to_string())?;
        for (key, value) in point {
            let mut here = &mut table;
            let mut parts: Vec<&str> = key.split('.').collect();
            let last = parts.pop().unwrap_or_default();
            for part in parts {
                here = here
                    .entry(part)
                    .or_insert_with(|| toml::Table::new().into())
                    .as_table_mut()
                    .ok_or(format!("{part} is no table"))?;
            }
            here.insert(last.into(), value.clone());
        }
        table.try_into().map_err(|e: toml::de::Error| e.message().to_owned())
    }
}
impl Experiment {
    /// The complete resolved TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("an experiment is plain data")
    }
}
