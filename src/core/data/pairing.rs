//! Which patterns would pair images and masks whose names differ: `scan_1.png` and `scan_1_mask.png`.

use super::pattern::Pattern;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Words of a path that say that a file is a mask, in lower case; with digits at the end too, as in `manual1`.
const MASKS: [&str; 34] = [
    "mask",
    "masks",
    "msk",
    "label",
    "labels",
    "lbl",
    "labelstr",
    "seg",
    "segs",
    "segm",
    "segmentation",
    "segmentations",
    "segmented",
    "gt",
    "groundtruth",
    "groundtruths",
    "truth",
    "truths",
    "annotation",
    "annotations",
    "annotated",
    "anno",
    "annot",
    "target",
    "targets",
    "manual",
    "roi",
    "rois",
    "reference",
    "references",
    "contour",
    "contours",
    "matte",
    "outline",
];

/// Words of a path that say that a file is an image.
const IMAGES: [&str; 20] = [
    "image",
    "images",
    "img",
    "imgs",
    "imagestr",
    "photo",
    "photos",
    "picture",
    "pictures",
    "raw",
    "original",
    "originals",
    "orig",
    "input",
    "inputs",
    "scan",
    "scans",
    "slice",
    "slices",
    "frame",
];

/// The words of a path below a root, without its extension, in lower case: runs of letters or of digits.
pub(super) fn words(relative: &str) -> Vec<String> {
    let (mut words, mut last): (Vec<String>, Option<char>) = (Vec::new(), None);
    for c in stem(relative).chars() {
        let goes_on = last.is_some_and(|l| {
            (l.is_alphabetic() && c.is_alphabetic() && !(l.is_lowercase() && c.is_uppercase()))
                || (l.is_ascii_digit() && c.is_ascii_digit())
        });
        if c.is_alphanumeric() {
            match words.last_mut().filter(|_| goes_on) {
                Some(word) => word.extend(c.to_lowercase()),
                None => words.push(c.to_lowercase().collect()),
            }
        }
        last = Some(c);
    }
    words
}

/// A path without its extension; `.nii.gz` is one.
pub(super) fn stem(relative: &str) -> &str {
    let file = relative.rfind('/').map_or(0, |at| at + 1);
    let lower = relative.to_lowercase();
    let cut = if lower.ends_with(".nii.gz") {
        relative.len() - 7
    } else {
        relative[file..].rfind('.').map_or(relative.len(), |at| file + at)
    };
    &relative[..cut]
}

/// Whether a word says that a file is a mask.
pub(super) fn is_mask_word(word: &str) -> bool {
    MASKS.contains(&word)
}

/// What two files of one sample have in common: their words without those that say image or mask.
fn key(relative: &str) -> Vec<String> {
    let of_file = words(relative);
    let key: Vec<String> = of_file.iter().filter(|w| !is_mask_word(w) && !IMAGES.contains(&w.as_str())).cloned().collect();
    if key.is_empty() { of_file } else { key }
}

/// Images and masks of one sample each, by the words of their files' names alone, whatever their folders are called.
pub(super) fn by_file<'a>(images: &[&'a str], masks: &[&'a str]) -> Vec<(&'a str, Option<&'a str>)> {
    let file = |path: &str| key(&path[path.rfind('/').map_or(0, |at| at + 1)..]);
    let mut by_key: BTreeMap<Vec<String>, [Vec<&'a str>; 2]> = BTreeMap::new();
    images.iter().for_each(|image| by_key.entry(file(image)).or_default()[0].push(image));
    masks.iter().for_each(|mask| by_key.entry(file(mask)).or_default()[1].push(mask));
    let one = |image: &&'a str| match &by_key[&file(image)] {
        [images, masks] if images.len() == 1 && masks.len() == 1 => (*image, Some(masks[0])),
        _ => (*image, None),
    };
    images.iter().map(one).collect()
}

/// Images and masks of one sample each, by the words of their paths: `None` for an image if not exactly one mask fits it. `masks` may also be the masks of
/// one class, whose paths have `more` words.
pub(super) fn by_words<'a>(images: &[&'a str], masks: &[&'a str], more: &[String]) -> Vec<(&'a str, Option<&'a str>)> {
    let mut by_key: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
    for mask in masks {
        let mut key = key(mask);
        for word in more {
            if let Some(at) = key.iter().rposition(|own| own == word) {
                key.remove(at);
            }
        }
        by_key.entry(key).or_default().push(mask);
    }
    let one = |image: &&'a str| match by_key.get(&key(image)).map(Vec::as_slice) {
        Some([mask]) => (*image, Some(*mask)),
        _ => (*image, None),
    };
    images.iter().map(one).collect()
}

/// Patterns that give just these pairs of paths below a root, of image and mask.
pub(super) fn patterns(pairs: &[(&str, &str)]) -> Option<(String, String)> {
    let candidates = pairs.iter().take(8).flat_map(|(image, mask)| candidates(image, mask));
    let mut tried = BTreeSet::new();
    candidates.filter(|c| tried.insert(c.clone())).find(|(image, mask)| fits(image, mask, pairs))
}

/// Whether each pair fits, with equal values of the fields, no image fits as another's mask, and all samples have names of their own.
fn fits(image: &str, mask: &str, pairs: &[(&str, &str)]) -> bool {
    let (Ok(of_images), Ok(of_masks)) = (Pattern::new(Path::new(image)), Pattern::new(Path::new(mask))) else { return false };
    let mut names = BTreeSet::new();
    pairs.iter().all(|(image, mask)| {
        let (name, same) = (of_images.value(image), of_masks.value(mask));
        let taken = of_masks.value(image).is_some() && of_masks.says_more_than(&of_images)
            || of_images.value(mask).is_some() && !of_masks.says_more_than(&of_images);
        name.is_some() && name == same && !taken && names.insert(name)
    })
}

/// Patterns that one pair suggests: each way of telling what names the sample in the file's name, with folders as they are, or as fields.
fn candidates(image: &str, mask: &str) -> Vec<(String, String)> {
    let split = |path: &str| -> (Vec<String>, String) {
        let mut parts: Vec<String> = stem(path).split('/').map(str::to_owned).collect();
        let file = parts.pop().unwrap_or_default();
        (parts, file)
    };
    let ((image_folders, image_file), (mask_folders, mask_file)) = (split(image), split(mask));
    let mut found = Vec::new();
    // Names as they are come last: then the folder names the sample.
    let as_they_are = (image_file.clone(), mask_file.clone());
    for (image_file, mask_file) in file_patterns(&image_file, &mask_file).into_iter().chain([as_they_are]) {
        for as_fields in [false, true] {
            let Some((image_folders, mask_folders)) = folder_patterns(&image_folders, &mask_folders, as_fields) else { continue };
            let one = |folders: &[String], file: &str| folders.iter().map(|f| format!("{f}/")).collect::<String>() + file + ".*";
            found.push((one(&image_folders, &image_file), one(&mask_folders, &mask_file)));
        }
    }
    found
}

/// Patterns of two folders' paths: equal parts as they are or as fields, others as they are.
fn folder_patterns(images: &[String], masks: &[String], as_fields: bool) -> Option<(Vec<String>, Vec<String>)> {
    if !as_fields {
        return Some((images.to_vec(), masks.to_vec()));
    }
    if images.len() != masks.len() {
        return None;
    }
    let names = ["folder", "folder2", "folder3", "folder4"];
    let mut fields = names.iter();
    let mut one = |(a, b): (&String, &String)| -> Option<(String, String)> {
        if a != b {
            return Some((a.clone(), b.clone()));
        }
        let field = format!("{{{}}}", fields.next()?);
        Some((field.clone(), field))
    };
    images.iter().zip(masks).map(&mut one).collect::<Option<Vec<_>>>().map(|pairs| pairs.into_iter().unzip())
}

/// Patterns of two stems: `{name}` for what is equal in both, at their ends or within one of them.
fn file_patterns(image: &str, mask: &str) -> Vec<(String, String)> {
    let name = || "{name}".to_owned();
    let mut found = Vec::new();
    if image == mask {
        found.push((name(), name()));
    }
    if let Some((before, after)) = mask.split_once(image).filter(|_| image != mask) {
        found.push((name(), format!("{before}{{name}}{after}")));
    }
    if let Some((before, after)) = image.split_once(mask).filter(|_| image != mask) {
        found.push((format!("{before}{{name}}{after}"), name()));
    }
    // Where both start alike, or end alike, with something of each beside it.
    let common_start =
        image.char_indices().zip(mask.chars()).take_while(|((_, a), b)| a == b).map(|((at, a), _)| at + a.len_utf8()).last();
    let common_end: usize =
        image.chars().rev().zip(mask.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    // A separator belongs to what is said behind the name.
    let common_start =
        common_start.map(|at| image[..at].trim_end_matches(|c: char| !c.is_alphanumeric()).len()).filter(|at| *at > 0);
    if let Some((image_rest, mask_rest)) = common_start.map(|at| (&image[at..], &mask[at..])) {
        found.push((format!("{{name}}{image_rest}"), format!("{{name}}{mask_rest}")));
    }
    if common_end > 0 {
        let (image_rest, end) = image.split_at(image.len() - common_end);
        let mask_rest = &mask[..mask.len() - common_end];
        // A separator belongs to what is said before the name.
        let separator = end.chars().take_while(|c| !c.is_alphanumeric()).map(char::len_utf8).sum::<usize>();
        let separator = &end[..separator];
        found.push((format!("{image_rest}{separator}{{name}}"), format!("{mask_rest}{separator}{{name}}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_or_digits() {
        assert_eq!(words("labelsTr/BRATS_001.nii.gz"), ["labels", "tr", "brats", "001"]);
        assert_eq!(words("a/IMG0001-Mask.v2.PNG"), ["a", "img", "0001", "mask", "v", "2"]);
        assert_eq!((stem("a.b/c"), stem("a.b/c.png")), ("a.b/c", "a.b/c"));
    }

    fn found(pairs: &[(&str, &str)]) -> Option<(String, String)> {
        let (images, masks): (Vec<&str>, Vec<&str>) = pairs.iter().copied().unzip();
        let paired: Vec<(&str, &str)> =
            by_words(&images, &masks, &[]).into_iter().map(|(i, m)| (i, m.expect("a pair"))).collect();
        assert_eq!(paired, pairs);
        patterns(&paired)
    }

    #[test]
    fn usual_names_have_patterns() {
        for (pairs, image, mask) in [
            ([("scan_1.png", "scan_1_mask.png"), ("scan_2.png", "scan_2_mask.tif")], "{name}.*", "{name}_mask.*"),
            ([("images/1.png", "masks/1.png"), ("images/2.png", "masks/2.png")], "images/{name}.*", "masks/{name}.*"),
            ([("IMG/a1.JPG", "GT/a1_seg.PNG"), ("IMG/a2.JPG", "GT/a2_seg.PNG")], "IMG/{name}.*", "GT/{name}_seg.*"),
            ([("image_01.png", "mask_01.png"), ("image_02.png", "mask_02.png")], "image_{name}.*", "mask_{name}.*"),
            ([("p1/image.png", "p1/mask.png"), ("p2/image.png", "p2/mask.png")], "{folder}/image.*", "{folder}/mask.*"),
            (
                [("p1/images/1.png", "p1/masks/1.png"), ("p2/images/1.png", "p2/masks/1.png")],
                "{folder}/images/{name}.*",
                "{folder}/masks/{name}.*",
            ),
            (
                [("21_training.tif", "21_manual1.gif"), ("22_training.tif", "22_manual1.gif")],
                "{name}_training.*",
                "{name}_manual1.*",
            ),
        ] {
            if pairs[0].0.contains("training") {
                // Words beyond ours, given as pairs.
                assert_eq!(patterns(&pairs), Some((image.to_owned(), mask.to_owned())));
                continue;
            }
            assert_eq!(found(&pairs), Some((image.to_owned(), mask.to_owned())), "{pairs:?}");
        }
    }

    #[test]
    fn what_fits_no_pattern_has_none() {
        assert_eq!(patterns(&[("a.png", "x/1.png"), ("b.png", "x/2.png")]), None);
    }
}
