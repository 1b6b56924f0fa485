//! The cache on disk: same data, whatever happens to it.

use crate::tree::Tree;
use candle_core::Device;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use umlaut::config::{Augment, Fit, Patches, Preprocess};
use umlaut::data::{Dataset, Draw, batch, fingerprint, open};

fn kept(tree: &Tree) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(tree.root().join(".cache")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

/// An old date on every file shows afterwards which were written anew.
fn age(files: &[PathBuf]) -> SystemTime {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    files.iter().for_each(|file| File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap());
    long_ago
}

fn fresh(files: &[PathBuf], date: SystemTime) -> usize {
    files.iter().filter(|file| fs::metadata(file).unwrap().modified().unwrap() != date).count()
}

#[test]
fn a_hit_gives_the_same_data_and_writes_nothing() {
    let tree = Tree::new();
    tree.pairs(3);
    let cold = tree.open(&tree.folders(""), [6, 5], Fit::Pad).unwrap();
    let files = kept(&tree);
    assert_eq!(files.len(), 3);
    let date = age(&files);
    assert_eq!(tree.open(&tree.folders(""), [6, 5], Fit::Pad).unwrap(), cold);
    assert_eq!((kept(&tree).len(), fresh(&files, date)), (3, 0));
}

#[test]
fn what_a_sample_depends_on_has_a_file_of_its_own() {
    let tree = Tree::new();
    tree.pairs(2);
    let folders = tree.folders("");
    tree.open(&folders, [6, 5], Fit::Pad).unwrap();
    tree.open(&folders, [6, 5], Fit::Stretch).unwrap();
    assert_eq!(kept(&tree).len(), 4);
    let grey = tree.open(&folders, [6, 6], Fit::Pad).unwrap();
    assert_eq!(kept(&tree).len(), 6);
    let rgb = tree.open(&tree.folders("colour = 'rgb'"), [6, 6], Fit::Pad).unwrap();
    assert_eq!((grey.samples[0].image.len(), rgb.samples[0].image.len()), (36, 108));
    tree.grey("masks/0.png", [4, 4], |_, _| 0);
    let changed = tree.open(&folders, [6, 6], Fit::Pad).unwrap();
    assert_eq!((changed.samples[0].mask.iter().sum::<u8>(), changed.samples[1].mask == grey.samples[1].mask), (0, true));
}

#[test]
fn damaged_files_are_made_again() {
    let tree = Tree::new();
    tree.pairs(4);
    let cold = tree.open(&tree.folders(""), [4, 4], Fit::Pad).unwrap();
    let files = kept(&tree);
    let mut flipped = fs::read(&files[0]).unwrap();
    flipped[5] ^= 1;
    fs::write(&files[0], flipped).unwrap();
    let half = fs::read(&files[1]).unwrap();
    fs::write(&files[1], &half[..half.len() / 2]).unwrap();
    fs::write(&files[2], b"").unwrap();
    let date = age(&files);
    assert_eq!(tree.open(&tree.folders(""), [4, 4], Fit::Pad).unwrap(), cold);
    assert_eq!(fresh(&files, date), 3);
    let date = age(&files);
    assert_eq!(tree.open(&tree.folders(""), [4, 4], Fit::Pad).unwrap(), cold);
    assert_eq!(fresh(&files, date), 0);
}

#[test]
fn a_file_under_a_wrong_name_is_not_believed() {
    let tree = Tree::new();
    tree.pairs(2);
    let cold = tree.open(&tree.folders(""), [4, 4], Fit::Pad).unwrap();
    let files = kept(&tree);
    fs::copy(&files[0], &files[1]).unwrap();
    assert_eq!(tree.open(&tree.folders(""), [4, 4], Fit::Pad).unwrap(), cold);
}

#[test]
fn without_a_place_nothing_is_kept_and_all_is_read() {
    let tree = Tree::new();
    tree.pairs(2);
    tree.write("taken", b"a file where the cache should be");
    let size = Preprocess { size: [4, 4], fit: Fit::Pad, ..Preprocess::default() };
    let dataset = open(&tree.folders(""), &size, &tree.path("taken"), &|_, _| ()).unwrap();
    assert_eq!(dataset, tree.open(&tree.folders(""), [4, 4], Fit::Pad).unwrap());
}

#[test]
fn progress_counts_every_sample() {
    let tree = Tree::new();
    tree.pairs(5);
    let seen = std::sync::Mutex::new(Vec::new());
    let size = Preprocess { size: [4, 4], fit: Fit::Pad, ..Preprocess::default() };
    open(&tree.folders(""), &size, &tree.path(".cache"), &|done, all| seen.lock().unwrap().push((done, all))).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    assert_eq!(seen, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
    assert_eq!(fingerprint(&tree.folders("")).unwrap(), fingerprint(&tree.folders("")).unwrap());
}

#[test]
fn threads_do_not_change_the_data() {
    let tree = Tree::new();
    tree.pairs(5);
    let size = Preprocess { size: [7, 3], fit: Fit::Stretch, ..Preprocess::default() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| open(&tree.folders(""), &size, &tree.path(&format!("cache{threads}")), &|_, _| ()).unwrap())
    };
    assert_eq!(with(1), with(4));
}

/// Of a large image only what is used is in memory: its values are those of the cache's file, whatever becomes of the file's name.
#[test]
fn large_images_are_read_as_far_as_they_are_used() {
    let (tree, side) = (Tree::new(), 2100);
    let value = |y: u32, x: u32| (y * 31 + x * 7) as u8;
    for i in 0..3 {
        tree.grey(&format!("images/{i}.png"), [side, side], |y, x| value(y + i, x));
        tree.grey(&format!("masks/{i}.png"), [side, side], |y, x| if (y / 50 + x / 50 + i) % 2 == 0 { 255 } else { 0 });
    }
    let size = [side as usize; 2];
    let cold = tree.open(&tree.folders(""), size, Fit::Pad).unwrap();
    let expected = |i: u32| (0..side * side).map(move |at| f32::from(value(at / side + i, at % side)) / 255.0);
    assert!((0..3).all(|i| cold.samples[i as usize].image.iter().copied().eq(expected(i))));
    if cfg!(target_os = "linux") {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let of_this = maps.lines().filter(|line| line.contains(tree.root().to_str().unwrap()) && line.contains(".sample"));
        assert_eq!(of_this.count(), 3, "every image is mapped");
    }
    let files = kept(&tree);
    // A bit has changed on the disk: that file is not believed. The one that is mapped already keeps its values, as it is replaced, not changed.
    let mut bytes = fs::read(&files[0]).unwrap();
    bytes[1000] ^= 1;
    fs::remove_file(&files[0]).unwrap();
    fs::write(&files[0], bytes).unwrap();
    assert_eq!(tree.open(&tree.folders(""), size, Fit::Pad).unwrap(), cold);
    fs::remove_dir_all(tree.root().join(".cache")).unwrap();
    assert!((0..3).all(|i| cold.samples[i as usize].image.iter().copied().eq(expected(i))));
    // Patches are those of the same images in memory.
    let mut held = cold.clone();
    held.samples.iter_mut().for_each(|sample| sample.image = sample.image.to_vec().into());
    let patches = Patches { size: [64, 64], per_image: 2, ..Patches::default() };
    let augment = Augment { flip_horizontal: 0.5, ..Augment::default() };
    let batch_of = |dataset: &Dataset| {
        let draw = Draw { patches: Some(&patches), augment: &augment, seed: 3, epoch: 1 };
        let batch = batch(dataset, &[0, 1, 2, 5], Some(draw), &Device::Cpu).unwrap();
        (
            batch.images.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            batch.targets.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        )
    };
    assert_eq!(batch_of(&cold), batch_of(&held));
}
