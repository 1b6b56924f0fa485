//! The columns of a plan: what differs between its runs.

use super::{Plan, RunSpec};

impl Plan {
    /// The keys that differ between runs, in the order of their first appearance.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = Vec::new();
        for (key, _) in self.runs.iter().flat_map(|run| &run.differs) {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        keys
    }
}

impl RunSpec {
    /// The run's value of a key that differs between runs, as TOML.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.differs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}
