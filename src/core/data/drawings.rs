//! The synthetic layout: drawn fundus photographs in place of files.

use super::error::Error;
use super::layout::{Decoded, Entry, Layout};
use super::picture::Picture;
use super::synthetic::{GENERATOR_VERSION, draw};
use crate::config::{FundusTarget, Synthetic};

/// A series of drawings; names are their zero-padded numbers.
pub(super) struct Drawings {
    config: Synthetic,
    entries: Vec<Entry>,
}

impl Drawings {
    pub fn new(config: &Synthetic) -> Self {
        let digits = config.count.saturating_sub(1).to_string().len();
        let entry = |i| Entry { name: format!("{i:0digits$}"), files: Vec::new(), page: Some(i), official_test: false };
        Self { config: config.clone(), entries: (0..config.count).map(entry).collect() }
    }
}

impl Layout for Drawings {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        self.config.targets.iter().map(|target| target_name(*target).to_owned()).collect()
    }

    fn channels(&self) -> Result<usize, Error> {
        Ok(3)
    }

    fn options(&self) -> String {
        format!("drawings, generator {GENERATOR_VERSION}, {:?}", self.config)
    }

    fn drawing(&self, entry: &Entry) -> String {
        let Synthetic { seed, size, .. } = &self.config;
        format!("drawing {:?}, generator {GENERATOR_VERSION}, seed {seed}, {size:?}", entry.page)
    }

    fn decode(&self, entry: &Entry, _channels: usize) -> Result<Decoded, String> {
        let size = self.config.size;
        let drawn = draw(self.config.seed, entry.page.unwrap_or_default(), size);
        let mask = self.config.targets.iter().flat_map(|target| match target {
            FundusTarget::Disc => &drawn.disc,
            FundusTarget::Cup => &drawn.cup,
        });
        let mask = mask.copied().collect();
        Ok(Decoded { image: Picture::of_bytes(size, 3, drawn.rgb), mask })
    }
}

/// As it stands in a configuration, in columns and in legends.
pub(super) fn target_name(target: FundusTarget) -> &'static str {
    match target {
        FundusTarget::Disc => "disc",
        FundusTarget::Cup => "cup",
    }
}
