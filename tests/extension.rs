//! A made-up data set layout and a made-up loss term, added to a copy of the sources as ARCHITECTURE.md says, compiled and trained with.
//!
//! It takes about a minute, so it runs only where UMLAUT_SLOW_TESTS is set.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file, a passage of it, and what is put before that passage.
type Insertion = (&'static str, &'static str, &'static str);

/// A layout without files: images with a bright bar, which is the mask.
const LAYOUT: (&str, &str) = (
    "src/core/data/stripes.rs",
    r#"
use super::error::Error;
use super::layout::{Decoded, Entry, Layout};
use super::picture::Picture;
use crate::config;

pub(super) struct Stripes(Vec<Entry>);

impl Stripes {
    pub fn new(config: &config::Stripes) -> Self {
        let entry = |i| Entry { name: format!("bar{i:03}"), files: Vec::new(), page: Some(i), official_test: false };
        Self((0..config.count).map(entry).collect())
    }
}

impl Layout for Stripes {
    fn entries(&self) -> &[Entry] {
        &self.0
    }

    fn classes(&self) -> Vec<String> {
        vec!["bar".into()]
    }

    fn channels(&self) -> Result<usize, Error> {
        Ok(1)
    }

    fn options(&self) -> String {
        "stripes".into()
    }

    fn decode(&self, entry: &Entry, _channels: usize) -> Result<Decoded, String> {
        let first = entry.page.unwrap_or_default() % 24;
        let mask: Vec<u8> = (0..32 * 32).map(|pixel| u8::from((first..first + 8).contains(&(pixel % 32)))).collect();
        let image = Picture::of_bytes([32, 32], 1, mask.iter().map(|bar| 60 + 120 * bar).collect());
        Ok(Decoded { image, mask })
    }
}
"#,
);

const LAYOUT_INSERTIONS: &[Insertion] = &[
    ("src/core/data/mod.rs", "mod synthetic;", "mod stripes;\n"),
    (
        "src/core/data/layouts.rs",
        "        config::Dataset::Volumes(",
        "        config::Dataset::Stripes(config) => Box::new(super::stripes::Stripes::new(config)),\n",
    ),
    (
        "src/base/config/dataset.rs",
        "    /// Volumes of NIfTI, DICOM or TIFF, cut into slices.",
        "    /// Bars.\n    Stripes(Stripes),\n",
    ),
    (
        "src/base/config/dataset.rs",
        "/// Optic disc or optic cup.",
        "/// Bars.\n#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]\n#[serde(deny_unknown_fields)]\n\
         pub struct Stripes {\n    /// Number of images.\n    pub count: usize,\n}\n\n",
    ),
    (
        "src/base/config/dataset.rs",
        "            Self::Dsb2018(Dsb2018 { class, .. }) => vec![class.clone()],",
        "            Self::Stripes(_) => vec![\"bar\".into()],\n",
    ),
    ("src/base/config/dataset.rs", "            Self::Stack(_) | Self::Volumes(_) => 1,", "            Self::Stripes(_) => 1,\n"),
    (
        "src/base/config/dataset.rs",
        "            Self::Synthetic(_) => Vec::new(),",
        "            Self::Stripes(_) => Vec::new(),\n",
    ),
    (
        "src/base/config/dataset.rs",
        "            Self::Synthetic(_) | Self::DrishtiGs(_) | Self::Refuge(_)",
        "            Self::Stripes(_) => false,\n",
    ),
    (
        "src/base/config/dataset.rs",
        "            Self::DrishtiGs(_) | Self::RimOne(_) => true,",
        "            Self::Stripes(_) => false,\n",
    ),
    (
        "src/base/config/dataset.rs",
        "            Self::Synthetic(_) => \"dataset.synthetic\",",
        "            Self::Stripes(_) => \"dataset.stripes\",\n",
    ),
    (
        "src/base/config/dataset.rs",
        "            Self::Synthetic(_) => \"dataset.synthetic.targets\",",
        "            Self::Stripes(_) => \"dataset.stripes\",\n",
    ),
];

/// A term of a known form: the Tversky loss with α = 0.2, β = 0.8.
const TERM_INSERTIONS: &[Insertion] = &[
    (
        "src/base/config/loss.rs",
        "    /// Focal Tversky loss.\n    #[serde",
        "    /// F2 loss.\n    #[serde(skip_serializing_if = \"is_default\")]\n    pub f2: Plain,\n",
    ),
    ("src/base/config/loss.rs", "    /// Focal Tversky loss.\n    FocalTversky(", "    /// F2 loss.\n    F2,\n"),
    (
        "src/base/config/loss.rs",
        "            Self::FocalTversky(_) => \"focal_tversky_loss\",",
        "            Self::F2 => \"f2_loss\",\n",
    ),
    ("src/base/config/loss.rs", "            &mut self.focal_tversky.weight,", "            &mut self.f2.weight,\n"),
    (
        "src/base/config/loss.rs",
        "            (self.focal_tversky.weight, Term::FocalTversky(self.focal_tversky.clone())),",
        "            (self.f2.weight, Term::F2),\n",
    ),
    ("src/base/config/loss.rs", "            focal_tversky: FocalTversky::default(),", "            f2: Plain::default(),\n"),
    (
        "src/ops/term/mod.rs",
        "            Term::Focal(o) =>",
        "            Term::F2 => Self::Region { alpha: 0.2, beta: 0.8, gamma: 1.0 },\n",
    ),
    (
        "src/core/metric/column.rs",
        "    (\"focal_loss\",",
        "    (\"f2_loss\", \"F2 loss\", Direction::Lower, (0.0, 1.0), DICE_LOSS_EMPTY, false),\n",
    ),
];

/// How many terms there are stands in types.
const COUNTS: &[(&str, &str, &str)] = &[
    ("src/base/config/loss.rs", "f64; 10]", "f64; 11]"),
    ("src/base/config/loss.rs", "Term); 10]", "Term); 11]"),
    ("src/core/metric/column.rs", "[Row; 28]", "[Row; 29]"),
];

#[test]
fn a_made_up_layout_and_a_made_up_term_train() {
    if std::env::var_os("UMLAUT_SLOW_TESTS").is_none() {
        return eprintln!("skipped: it compiles the program anew; set UMLAUT_SLOW_TESTS=1 to run it");
    }
    let copied = tempfile::tempdir().expect("a temporary directory");
    let home = copied.path();
    copy_sources(home);
    extend(home);
    let target = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
    let program = build(home, target.path());
    let columns = |name: &str, loss: &str| trained(&program, home, name, loss);
    let (made_up, tversky) =
        (columns("f2", "f2 = { weight = 1.0 }"), columns("tversky", "tversky = { weight = 1.0, alpha = 0.2, beta = 0.8 }"));
    for split in ["train", "val"] {
        let (ours, known) = (&made_up[&format!("{split}_f2_loss")], &tversky[&format!("{split}_tversky_loss")]);
        assert_eq!(ours.len(), 2, "one value per epoch");
        assert_eq!(ours, known, "the same loss under both names");
    }
    assert_eq!(made_up["val_dice_bar"].len(), 2, "the made-up class has a column");
}

/// All that cargo needs to build the package.
fn copy_sources(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in walkdir::WalkDir::new(from).into_iter().filter_entry(|entry| {
        let top = entry.path().strip_prefix(from).ok().and_then(|path| path.iter().next().map(ToOwned::to_owned));
        entry.depth() == 0
            || top.is_some_and(|top| {
                ["src", "scripts", "experiments", "Cargo.toml", "Cargo.lock", "README.md"].iter().any(|kept| top == *kept)
            })
    }) {
        let entry = entry.expect("the sources can be listed");
        let target = to.join(entry.path().strip_prefix(from).expect("below the package"));
        match entry.file_type().is_dir() {
            true => fs::create_dir_all(target).expect("a folder is made"),
            false => drop(fs::copy(entry.path(), target).expect("a file is copied")),
        }
    }
}

/// Adds the layout and the term, in the files that ARCHITECTURE.md names and no others.
fn extend(home: &Path) {
    fs::write(home.join(LAYOUT.0), LAYOUT.1).expect("the layout is written");
    for (insertions, most) in [(LAYOUT_INSERTIONS, 3), (TERM_INSERTIONS, 3)] {
        let mut touched: Vec<&str> = insertions.iter().map(|(file, ..)| *file).collect();
        touched.dedup();
        assert!(touched.len() <= most, "{touched:?}");
        for (file, before, inserted) in insertions {
            replace(&home.join(file), before, &format!("{inserted}{before}"));
        }
    }
    for (file, old, new) in COUNTS {
        replace(&home.join(file), old, new);
    }
}

fn replace(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).expect("sources are text");
    assert!(text.contains(old), "{}: {old:?} is no more: bring this test up to date", file.display());
    fs::write(file, text.replacen(old, new, 1)).expect("sources can be written");
}

/// Compiles the copy with the dependencies that this test was built with, in a target directory of its own: in the package's, its libraries would take the
/// names of the package's own, which other builds and documentation tests link at the same time.
fn build(home: &Path, target: &Path) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_umlaut")).parent().expect("the program lies in a folder");
    let profile = target.join(built.file_name().expect("a folder of the profile's name"));
    for part in ["deps", "build", ".fingerprint"] {
        lend(&built.join(part), &profile.join(part));
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--locked", "--bin", "umlaut", "--config", "profile.dev.package.umlaut-ops.opt-level=0"]);
    cargo.args(if built.ends_with("release") { &["--release"][..] } else { &[] });
    let output = cargo.arg("--target-dir").arg(target).current_dir(home).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let compiled = said.lines().filter_map(|line| line.trim().strip_prefix("Compiling "));
    assert!(
        compiled.clone().all(|package| package.starts_with("umlaut")),
        "dependencies were compiled again: {:?}",
        compiled.collect::<Vec<_>>()
    );
    profile.join("umlaut")
}

/// What cargo has built of the dependencies in one of its folders, as it is, time of writing included. Libraries are linked: cargo never writes to a file that
/// it finds up to date.
fn lend(from: &Path, to: &Path) {
    let ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 1
            && (name.trim_start_matches("lib").starts_with("umlaut") || (entry.file_type().is_file() && !name.contains('.')))
    };
    for entry in walkdir::WalkDir::new(from).into_iter().filter_entry(|entry| !ours(entry)) {
        let entry = entry.expect("a build can be listed");
        let target = to.join(entry.path().strip_prefix(from).expect("below the folder"));
        match entry.file_type().is_dir() {
            true => fs::create_dir_all(target).expect("a folder is made"),
            false => fs::hard_link(entry.path(), target).expect("a file is linked"),
        }
    }
}

/// Trains two epochs; the columns of its metrics.csv.
fn trained(program: &Path, home: &Path, name: &str, loss: &str) -> BTreeMap<String, Vec<String>> {
    let file = home.join(format!("{name}.toml"));
    let text = format!(
        "name = '{name}'\n[dataset.stripes]\ncount = 12\n[split.fractions]\ntrain = 0.5\nval = 0.25\ntest = 0.25\n\
         [model.unet]\nchannels = [4, 8]\n[loss]\nbce = 0.0\ndice = 0.0\n{loss}\n[training]\nepochs = 2\nbatch_size = 2\n"
    );
    fs::write(&file, text).expect("the experiment is written");
    let output = Command::new(program)
        .arg("run")
        .arg(&file)
        .args(["--device", "cpu"])
        .current_dir(home)
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = walkdir::WalkDir::new(home.join("results").join(name))
        .into_iter()
        .flatten()
        .find(|entry| entry.file_name() == "metrics.csv");
    let mut reader = csv::Reader::from_path(found.expect("a run was trained").path()).expect("metrics.csv can be read");
    let names: Vec<String> = reader.headers().expect("it has a header").iter().map(str::to_owned).collect();
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in reader.records() {
        let record = record.expect("a row");
        names.iter().zip(record.iter()).for_each(|(name, value)| columns.entry(name.clone()).or_default().push(value.to_owned()));
    }
    columns
}
