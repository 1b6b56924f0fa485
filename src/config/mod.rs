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

/// Mistakes.
#[derive(Debug)]
pub struct Problems(String);
impl Problems {
    /// As text.
    pub fn render(&self, _: bool) -> String {
        self.0.clone()
    }
}
/// Reads a file.
///
/// # Errors
/// Mistakes.
pub fn load(path: &std::path::Path, sets: &[String]) -> Result<Experiment, Problems> {
    let text = std::fs::read_to_string(path).map_err(|e| Problems(format!("{}: {e}", path.display())))?;
    let mut e: Experiment = toml::from_str(&text).map_err(|e| Problems(e.to_string()))?;
    for set in sets {
        let (k, v) = set.split_once('=').ok_or(Problems(set.clone()))?;
        let v: toml::Table = format!("v = {v}")
            .parse()
            .or_else(|_| format!("v = '{v}'").parse())
            .map_err(|e: toml::de::Error| Problems(e.to_string()))?;
        let s = e.sweep.clone();
        e = e.at(&[(k.to_owned(), v["v"].clone())]).map_err(Problems)?;
        e.sweep = s;
    }
    Ok(e)
}
