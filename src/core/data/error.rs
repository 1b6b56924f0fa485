//! What can be wrong with a data set or with a split of it: always something for the user to mend.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

/// What is wrong with a data set or a split, with the files or samples it is about and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder or file that the configuration names does not exist.
    #[error("{path}: looked for {what}, found none; {there}; paths are relative to the working directory", path = path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What was looked for.
        what: String,
        /// What is there instead.
        there: String,
    },
    /// The system refused to list or read.
    #[error("{path}: cannot be read: {}", with_remedy(source), path = path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder without a single picture.
    #[error("{path}: holds no PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy file; {there}", path = path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
        /// What is there instead.
        there: String,
    },
    /// Files that would be the same sample.
    #[error("{count} sample name(s) belong to more than one file: {examples}; keep one file of each name")]
    Collision {
        /// How many names.
        count: usize,
        /// The first ones with their files.
        examples: String,
    },
    /// Images without masks, or masks without images.
    #[error("{}; {rule}", problems.join("; "))]
    Unpaired {
        /// For each side that lacks something: how many, the first names, what the other side has.
        problems: Vec<String>,
        /// How images and masks belong together in this layout.
        rule: String,
    },
    /// A folder of which nobody can say what it holds.
    #[error("{path}: {problem}", path = path.display())]
    Unknown {
        /// The folder.
        path: PathBuf,
        /// What was found, and what would help.
        problem: String,
    },
    /// Patterns of images and masks that do not say which belong together.
    #[error("dataset.folders: {problem}")]
    Pattern {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Files that exist and cannot be used.
    #[error("{count} of {of} {what} cannot be used:\n  {list}", list = listed(faults, 10, "\n  "))]
    Faulty {
        /// Samples or files.
        what: &'static str,
        /// How many of them.
        count: usize,
        /// Of how many.
        of: usize,
        /// File, problem and remedy of each.
        faults: Vec<String>,
    },
    /// A stack of images and a stack of labels that differ in length.
    #[error("{images} has {image_pages} pages, {labels} has {label_pages}; every image page needs one label page",
            images = images.display(), labels = labels.display())]
    Pages {
        /// The stack of images.
        images: PathBuf,
        /// Its pages.
        image_pages: usize,
        /// The stack of labels.
        labels: PathBuf,
        /// Its pages.
        label_pages: usize,
    },
    /// Annotations that do not fit the classes or the images.
    #[error("{path}: {problem}", path = path.display())]
    Annotations {
        /// The annotation file, or the folder of them.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A change of colours is asked for of images that are neither grey nor RGB.
    #[error("{key} changes colours of RGB, and the images have {channels} channels; take it out, or set its probability to 0")]
    Colours {
        /// The dotted key of the change.
        key: &'static str,
        /// Channels of the images.
        channels: usize,
    },
    /// The group expression is unusable.
    #[error("split: group = '{pattern}' {problem}")]
    Group {
        /// The regular expression.
        pattern: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Fewer samples, or groups of them, than the split needs.
    #[error(
        "{split} needs at least {needed} samples (groups, where `group` is set), there are {there}; add data or ask for fewer parts"
    )]
    TooFew {
        /// The split's key.
        split: &'static str,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        there: usize,
    },
    /// An official split of a data set that has no such part.
    #[error("split.official: the data set has no official {part} split; use split.fractions, or complete the data set")]
    NoOfficialPart {
        /// `training` or `test`.
        part: &'static str,
    },
    /// A k-fold split that was not resolved to one fold.
    #[error("split.k_fold.folds must hold one fold between 1 and {k} here, got {folds:?}")]
    Fold {
        /// Number of folds.
        k: usize,
        /// What was given.
        folds: Vec<usize>,
    },
    /// A list names a sample that does not exist.
    #[error("split.lists.{part}: no sample {name:?}; {hint}")]
    UnknownSample {
        /// The part.
        part: &'static str,
        /// The name or pattern.
        name: String,
        /// The nearest name, or some that exist.
        hint: String,
    },
    /// A sample that is listed in two parts.
    #[error("split.lists: {count} sample(s) are both in {first} and in {second}: {names}; name each in one part only")]
    InTwoParts {
        /// How many.
        count: usize,
        /// One part.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// The first names.
        names: String,
    },
    /// Nothing to train or to validate on.
    #[error("split: the part {part} is empty; it needs at least one sample")]
    EmptyPart {
        /// `train` or `val`.
        part: &'static str,
    },
    /// The same picture in two parts.
    #[error(
        "the same picture is in two parts of the split: {examples}; remove one of the files, or keep both in one part \
             (split.lists, or `group`)"
    )]
    SamePicture {
        /// The first pairs.
        examples: String,
    },
}

/// What the system said and what to do; what a door of ours said has its own remedy.
pub(super) fn with_remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => error.to_string(),
        _ => format!("{error}; check that it exists and that its permissions allow reading"),
    }
}

/// The first `most` items, and how many more there are.
pub(super) fn listed<T: Display>(items: &[T], most: usize, separator: &str) -> String {
    let mut shown: Vec<String> = items.iter().take(most).map(T::to_string).collect();
    if items.len() > most {
        shown.push(format!("and {} more", items.len() - most));
    }
    shown.join(separator)
}
