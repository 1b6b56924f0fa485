//! What is varied: the tables below `[sweep]`, the points that they give, and their checks.

mod axis;
mod check;
mod draw;
mod matching;
mod points;

pub(super) use check::{check, check_search};
pub use draw::Draw;
pub(super) use matching::{agrees, all_match};
pub use points::Point;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is varied: `grid` × `zip` × `points` × `random`, without what `exclude` takes out. Keys are dotted paths of this file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// Every combination of the values listed for each dotted key of this file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, Vec<serde_json::Value>>")]
    #[schemars(extend("additionalProperties" = serde_json::json!({"type": "array", "minItems": 1, "uniqueItems": true, "items": {}})))]
    pub grid: BTreeMap<String, Vec<toml::Value>>,
    /// The first values of all keys together, then the second ones, and so on: lists of one length.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, Vec<serde_json::Value>>")]
    #[schemars(extend("additionalProperties" = serde_json::json!({"type": "array", "minItems": 1, "items": {}})))]
    pub zip: BTreeMap<String, Vec<toml::Value>>,
    /// Points one by one, each with values of its own keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub points: Vec<BTreeMap<String, toml::Value>>,
    /// Values drawn at random.
    #[serde(skip_serializing_if = "Random::is_empty")]
    pub random: Random,
    /// Leaves out the points that agree with every key of one of these tables; a list stands for any of its values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub exclude: Vec<BTreeMap<String, toml::Value>>,
    /// For a swept key, what other keys must be for it to be varied; elsewhere it has the file's own value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, BTreeMap<String, serde_json::Value>>")]
    pub when: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

/// Values drawn at random. A value follows from the seed, its key and the number of the trial alone: more trials, or other keys beside
/// it, leave it as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Random {
    /// Points that are drawn.
    #[schemars(range(min = 1, max = 100_000))]
    pub trials: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// From what the value of each dotted key is drawn.
    pub draw: BTreeMap<String, Draw>,
}

impl Random {
    fn is_empty(&self) -> bool {
        self.draw.is_empty()
    }
}

impl Default for Random {
    fn default() -> Self {
        Self { trials: 20, seed: 1, draw: BTreeMap::new() }
    }
}

impl Sweep {
    /// Whether nothing is varied.
    pub fn is_empty(&self) -> bool {
        self.grid.is_empty() && self.zip.is_empty() && self.points.is_empty() && self.random.is_empty()
    }

    /// The keys that are varied, in alphabetical order within each part.
    pub fn keys(&self) -> Vec<&str> {
        let points = self.points.iter().flat_map(BTreeMap::keys);
        let all = self.grid.keys().chain(self.zip.keys()).chain(points).chain(self.random.draw.keys());
        let mut keys: Vec<&str> = Vec::new();
        for key in all {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        keys
    }
}
