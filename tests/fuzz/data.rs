//! The doors of what is asked for, and of data sets.

use super::base;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use umlaut::config::{self, Axis, Dataset, Preprocess, Sweep};
use umlaut::data::{Cut, Photo, PhotoPlace, SliceValues, Volume, open, photos};
use umlaut::plan::{self, Plan};

/// Of an image that is decoded, this many bytes a pixel are asked for beside it: one of more than some ten thousand pixels, which a small file may
/// well hold, is refused as it is where memory is short. What a large one costs would be time for thousands of small ones.
const BESIDE: usize = 1 << 21;

/// Values of a volume that are looked at.
const VOXELS: usize = 1 << 14;

/// Runs of a plan that is expanded: more show nothing else, and take their time.
const RUNS: usize = 8;

/// Height and width of the images that masks and outlines belong to.
const SIZE: [usize; 2] = [6, 8];

/// The text of an experiment: refused with its mistakes, or planned. Written out and read again it is the same.
pub fn plan(_: &Path, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let experiment = match config::load_str("experiment.toml", text) {
        Ok(experiment) => experiment,
        Err(problems) => {
            assert!(problems.len() > 0 && !problems.render(true).is_empty());
            return;
        }
    };
    let written = experiment.to_toml();
    match config::load_str("written.toml", &written) {
        Ok(again) => assert_eq!(again, experiment),
        Err(problems) => panic!("what was read is not read again:\n{problems}\n{written}"),
    }
    let runs = [experiment.training.seeds.len(), experiment.split.fold_count(), experiment.points().len()];
    if runs.into_iter().fold(1, usize::saturating_mul) <= RUNS
        && let Ok(Plan { runs, .. }) = plan::expand(&experiment, |_| Ok("data".to_owned()))
    {
        for run in runs {
            assert_eq!(run.experiment.sweep, Sweep::default());
            assert!(run.id.as_str().len() <= 255 && !run.id.as_str().contains(['/', '\0']), "{}", run.id.as_str());
        }
    }
}

/// Endings that tell how a file is read.
const ENDINGS: [&str; 11] = ["png", "jpg", "tif", "bmp", "gif", "webp", "npy", "npz", "nii", "nii.gz", "dcm"];

/// An image or a volume as `predict` and data sets read it. The first byte says how the file ends, and how a volume is cut.
pub fn image(scratch: &Path, bytes: &[u8]) {
    let Some((first, content)) = bytes.split_first() else { return };
    let (kind, how) = (usize::from(*first) % ENDINGS.len(), usize::from(*first) / ENDINGS.len());
    let path = named_anew(scratch, ENDINGS[kind], content);
    let axis = [Axis::Third, Axis::Second, Axis::First][how % 3];
    if kind >= 8 {
        volume(&path, axis, how >= 3);
    }
    if kind < 8 || few(&path, axis) {
        let places = photos(std::slice::from_ref(&path), Cut { axis, windowed: how >= 3 }).unwrap_or_default();
        places.iter().take(3).for_each(|place| assert_eq!(values(place), values(place), "read twice"));
    }
    fs::remove_file(path).expect("it was written");
}

/// A folder of DICOM files as one series. The first byte says whether windows are applied, and whether it is a data set's image and mask too; what
/// follows is files, each without its preamble: what lies between one mark (`DICM`) and the next.
pub fn series(scratch: &Path, bytes: &[u8]) {
    let Some((first, content)) = bytes.split_first() else { return };
    let root = scratch.join("series");
    let folder = root.join("volumes/x");
    fs::create_dir_all(&folder).expect("a directory can be made");
    let mut paths = Vec::new();
    for file in parted(content, b"DICM").take(SLICES) {
        let path = folder.join(format!("{}.dcm", paths.len()));
        fs::write(&path, [&[0; 128], &b"DICM"[..], file].concat()).expect("the scratch directory takes a file");
        paths.push(path);
    }
    volume(&folder, Axis::Third, first % 2 == 1);
    if first / 2 % 2 == 1 && few(&folder, Axis::Third) {
        let window = if first % 2 == 1 { "window = 'file'" } else { "" };
        let folders = format!("root = {root:?}\nimages = 'volumes'\nmasks = 'volumes'");
        opened(&format!("[volumes]\n{folders}\nmask_values = 'indexed'\n{window}"), [4, 4]);
    }
    paths.into_iter().for_each(|path| fs::remove_file(path).expect("it was written"));
}

/// Files of a series at the most.
const SLICES: usize = 5;

/// What lies before, between and behind the marks.
fn parted<'a>(bytes: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let all = rest?;
        let at = all.windows(mark.len()).position(|window| window == mark);
        rest = at.map(|at| &all[at + mark.len()..]);
        Some(&all[..at.unwrap_or(all.len())])
    })
}

/// A new name for each input: the volume that was read last is remembered by its path.
fn named_anew(scratch: &Path, ending: &str, content: &[u8]) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let path = scratch.join(format!("x{}.{ending}", COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::write(&path, content).expect("the scratch directory takes a file");
    path
}

/// All that is read of an image, bit by bit.
fn values(place: &PhotoPlace) -> Result<([usize; 2], usize, Vec<u32>), String> {
    let photo = Photo::read(place, BESIDE)?;
    let numbers = photo.numbers();
    assert_eq!(numbers.len(), photo.channels * photo.size[0] * photo.size[1]);
    assert!(numbers.iter().all(|v| v.is_finite()), "a value is no finite number");
    let planes = photo.planes(&Preprocess::default(), photo.channels).unwrap_or_default();
    let fitted = photo.fitted(&Preprocess { size: [16, 16], ..Preprocess::default() }, photo.channels).unwrap_or_default();
    assert!(planes.iter().chain(&fitted).all(|v| (0.0..=1.0).contains(v)), "a value beyond 0 and 1");
    let all = numbers.into_iter().chain(planes).chain(fitted).map(f32::to_bits).collect();
    Ok((photo.size, photo.channels, all))
}

/// Whether a volume's header can be read and asks for no more than a few values.
fn few(path: &Path, axis: Axis) -> bool {
    let voxels = |volume: Volume| volume.slices.saturating_mul(volume.channels).saturating_mul(volume.size.iter().product());
    Volume::open(path, axis).is_ok_and(|volume| voxels(volume) <= VOXELS)
}

fn volume(path: &Path, axis: Axis, windowed: bool) {
    let Ok(volume) = Volume::open(path, axis) else { return };
    assert!(volume.slices > 0 && volume.channels > 0 && volume.size.iter().all(|side| *side > 0));
    if volume.size.iter().product::<usize>().saturating_mul(volume.channels) > VOXELS {
        return;
    }
    let volume = if windowed { volume.windowed() } else { Ok(volume) };
    let Ok(volume) = volume else { return };
    for index in 0..volume.slices.min(4) {
        if let Ok(slice) = volume.slice(index) {
            let count = match &slice.values {
                SliceValues::Bytes(values) => values.len(),
                SliceValues::Words(values) => values.len(),
                SliceValues::Floats(values) => values.len(),
            };
            assert_eq!(count, slice.channels * slice.size[0] * slice.size[1]);
        }
    }
}

/// What the values of a mask may mean, as keys of a data set.
const MEANINGS: [&str; 5] = [
    "mask_values = 'binary'",
    "mask_values = 'indexed'\nclasses = ['a', 'b', 'c']\nignore = [255]",
    "classes = ['a', 'b']\nignore = [7]\nlevels = { a = [1, 2], b = [2, 255], background = [0, 128] }",
    "classes = ['a', 'b']\ncolours = { a = '#ff0000', b = '#00ff00', ignore = '#0000ff' }",
    "classes = ['a', 'b']\npartial = true\nclass_masks = { a = 'masks', b = 'none' }",
];

/// A mask of an image of 6 × 8 pixels, or of a volume of 4 × 3 × 2. The first byte says how the file ends and what its values mean.
pub fn mask(scratch: &Path, bytes: &[u8]) {
    let Some((first, content)) = bytes.split_first() else { return };
    let (kind, how) = (usize::from(*first) % ENDINGS.len(), usize::from(*first) / ENDINGS.len());
    let root = scratch.join("masked");
    let (masks, none) = (root.join("masks"), root.join("none"));
    if !root.exists() {
        for dir in [&root.join("images"), &root.join("volumes"), &masks, &none] {
            fs::create_dir_all(dir).expect("a directory can be made");
        }
        fs::copy(base().join("image.png"), root.join("images/x.png")).expect("the base can be copied");
        fs::copy(base().join("image.png"), none.join("x.png")).expect("the base can be copied");
        fs::copy(base().join("volume.nii"), root.join("volumes/x.nii")).expect("the base can be copied");
    }
    let path = masks.join(format!("x.{}", ENDINGS[kind]));
    fs::write(&path, content).expect("the scratch directory takes a file");
    if kind < 8 {
        let small = |place: &PhotoPlace| !Photo::read(place, BESIDE).is_err_and(|problem| problem.contains(" of memory"));
        if photos(std::slice::from_ref(&path), Cut::default()).unwrap_or_default().iter().all(small) {
            opened(&format!("[folders]\nroot = {root:?}\n{}", MEANINGS[how % MEANINGS.len()]), SIZE);
        }
    } else if few(&path, Axis::Third) {
        let values = ["binary", "indexed"][how % 2];
        opened(&format!("[volumes]\nroot = {root:?}\nimages = 'volumes'\nmask_values = '{values}'"), [4, 4]);
    }
    fs::remove_file(path).expect("it was written");
}

/// The outlines of an image of 6 × 8 pixels. The first byte says of which kind: COCO, LabelMe, GeoJSON, or a CSV file of pairs.
pub fn annotation(scratch: &Path, bytes: &[u8]) {
    let Some((first, content)) = bytes.split_first() else { return };
    let root = scratch.join("outlined");
    if !root.exists() {
        fs::create_dir_all(root.join("geo")).expect("a directory can be made");
        for name in ["x.png", "y.png"] {
            fs::copy(base().join("image.png"), root.join(name)).expect("the base can be copied");
        }
    }
    let (file, keys) = match first % 4 {
        0 => ("coco.json", format!("[coco]\nimages = {root:?}\nannotations = {:?}", root.join("coco.json"))),
        1 => ("x.json", format!("[labelme]\nroot = {root:?}\nclasses = ['a', 'b']")),
        2 => {
            ("geo/x.geojson", format!("[geojson]\nimages = {root:?}\nannotations = {:?}\nclasses = ['a', 'b']", root.join("geo")))
        }
        _ => ("pairs.csv", format!("[folders]\nroot = {root:?}\npairs = {:?}", root.join("pairs.csv"))),
    };
    fs::write(root.join(file), content).expect("the scratch directory takes a file");
    opened(&keys, SIZE);
    fs::remove_file(root.join(file)).expect("it was written");
}

/// Opens a data set, and looks at what was read of it.
fn opened(keys: &str, size: [usize; 2]) {
    let dataset: Dataset = toml::from_str(keys).expect("a data set");
    let preprocess = Preprocess { size, ..Preprocess::default() };
    let Ok(data) = open(&dataset, &preprocess, Path::new("/dev/null/none"), &|_, _| ()) else { return };
    for sample in &data.samples {
        assert_eq!(sample.mask.len(), data.classes.len() * size[0] * size[1]);
        assert!(sample.mask.iter().all(|v| [0, 1, 255].contains(v)), "a mask has {:?}", sample.mask);
    }
}
