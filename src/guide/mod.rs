//! The guide, page by page: what `umlaut help TOPIC` shows.
//!
//! A tutorial to begin with, how-to pages for one task each, concepts, and reference. [`PAGES`] has all of them.

/// What a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To learn by doing.
    Tutorial,
    /// To do one thing.
    HowTo,
    /// To understand.
    Concept,
    /// To look up.
    Reference,
}

impl Kind {
    /// All kinds, in the order of reading.
    pub const ALL: [Self; 4] = [Self::Tutorial, Self::HowTo, Self::Concept, Self::Reference];

    /// For readers.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tutorial => "Tutorial",
            Self::HowTo => "How to",
            Self::Concept => "Concepts",
            Self::Reference => "Reference",
        }
    }
}

/// A page of the guide.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// What `umlaut help` calls it.
    pub name: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// Markdown; prose in lines of at most 100 columns.
    pub text: &'static str,
}

impl Page {
    /// Its heading.
    pub fn title(&self) -> &'static str {
        self.text.lines().find(|line| line.starts_with('#')).unwrap_or_default().trim_start_matches(['#', ' '])
    }
}

/// Declares the pages: a module each, for the documentation, and the list.
macro_rules! pages {
    ($($module:ident $name:literal $kind:ident $file:literal)*) => {
        $(
            #[doc = include_str!($file)]
            pub mod $module {}
        )*

        /// All pages, in the order of reading.
        pub const PAGES: &[Page] = &[$(Page { name: $name, kind: Kind::$kind, text: include_str!($file) }),*];
    };
}

pages! {
    tutorial "tutorial" Tutorial "tutorial.md"
    install "install" HowTo "install.md"
    own_images "own-images" HowTo "own-images.md"
    sweeps "sweeps" HowTo "sweeps.md"
    search "search" HowTo "search.md"
    predict "predicting" HowTo "predict.md"
    onnx "onnx" HowTo "onnx.md"
    serving "serving" HowTo "serving.md"
    gpu "gpu" HowTo "gpu.md"
    slurm "slurm" HowTo "slurm.md"
    lost_files "lost-files" HowTo "lost-files.md"
    networks "networks" Concept "networks.md"
    reports "reports" Concept "reports.md"
    statistics "statistics" Concept "../report/inference/statistics.md"
    calibration "calibration" Concept "../report/inference/calibration.md"
    checks "checks" Concept "checks.md"
    disks "disks" Concept "disks.md"
    experiment "experiment" Reference "experiment.md"
    commands "commands" Reference "commands.md"
    results "results" Reference "results.md"
    init "init" Reference "init.md"
    speed "speed" Reference "speed.md"
    bias "bias" Reference "bias.md"
    limits "limits" Reference "limits.md"
    glossary "glossary" Reference "glossary.md"
}
