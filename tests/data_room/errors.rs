//! What the user reads when a data set is not as it should be, word for word.

use crate::tree::Tree;
use image::{DynamicImage, GrayImage, RgbaImage};
use std::fs;
use umlaut::data::{describe, fingerprint};

const REMEDY: &str = "save it again as PNG, 8 or 16 bits, grey or RGB";

#[test]
fn a_root_that_is_not_there() {
    let tree = Tree::new();
    tree.write("other/x.txt", b"");
    tree.write("images/x.txt", b"");
    let config = tree.dataset("folders", &format!("root = {:?}", tree.root().join("data/set")));
    assert_eq!(
        tree.refusal(&config),
        "ROOT/data/set: looked for a folder with images and masks, found none; ROOT has the folders images, other; \
         paths are relative to the working directory"
    );
    // The cheap questions find it too.
    assert!(describe(&config).is_err() && fingerprint(&config).is_err());
}

#[test]
fn a_folder_that_is_not_there() {
    let tree = Tree::new();
    tree.pairs(1);
    assert_eq!(
        tree.refusal(&tree.folders("masks = 'truth'")),
        "ROOT/truth: looked for this folder, found none; ROOT has the folders images, masks; \
         paths are relative to the working directory"
    );
}

#[test]
fn folders_without_pictures() {
    let tree = Tree::new();
    tree.write("images/a.heic", b"x");
    tree.write("images/b.txt", b"x");
    tree.write("images/README", b"x");
    assert_eq!(
        tree.refusal(&tree.folders("")),
        "ROOT/images: holds no PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy file; it holds only .heic, .txt, files without extension; convert them"
    );
    fs::remove_dir_all(tree.path("images/")).unwrap();
    tree.write("images/.keep", b"");
    assert_eq!(
        tree.refusal(&tree.folders("")),
        "ROOT/images: holds no PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy file; it is empty"
    );
}

#[test]
fn pairs_that_are_none() {
    let tree = Tree::new();
    tree.pairs(2);
    for i in 10..17 {
        tree.grey(&format!("images/{i}.png"), [4, 4], |_, _| i);
        tree.grey(&format!("masks/{i}_mask.png"), [4, 4], |_, _| 0);
    }
    assert_eq!(
        tree.refusal(&tree.folders("")),
        "7 image(s) without a mask in ROOT/masks: ROOT/images/10.png, ROOT/images/11.png, ROOT/images/12.png, \
         ROOT/images/13.png, ROOT/images/14.png, and 2 more; 7 mask(s) without an image: ROOT/masks/10_mask.png, \
         ROOT/masks/11_mask.png, ROOT/masks/12_mask.png, ROOT/masks/13_mask.png, ROOT/masks/14_mask.png, and 2 more; \
         an image and its mask have the same name but for the extension"
    );
}

#[test]
fn names_that_collide() {
    let tree = Tree::new();
    tree.pairs(1);
    tree.grey("images/0.tif", [4, 4], |_, _| 0);
    assert_eq!(
        tree.refusal(&tree.folders("")),
        "1 sample name(s) belong to more than one file: 0 (ROOT/images/0.png, ROOT/images/0.tif); keep one file of each name"
    );
}

#[test]
fn broken_files_come_together() {
    let tree = Tree::new();
    tree.pairs(3);
    let picture = fs::read(tree.path("images/0.png")).unwrap();
    tree.write("images/0.png", &picture[..picture.len() / 2]);
    tree.write("images/1.png", b"");
    tree.write("masks/2.png", b"<html>not found</html>");
    let refusal = tree.refusal(&tree.folders("colour = 'grey'"));
    let lines: Vec<&str> = refusal.lines().collect();
    assert_eq!(lines[0], "3 of 3 samples cannot be used:");
    assert!(lines[1].starts_with("  ROOT/images/0.png: cannot be decoded: "), "{refusal}");
    assert!(lines[1].ends_with(REMEDY), "{refusal}");
    assert_eq!(lines[2], "  ROOT/images/1.png: is empty; restore it");
    assert_eq!(
        lines[3],
        format!(
            "  ROOT/masks/2.png: cannot be decoded: its content is no PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy array; {REMEDY}"
        )
    );
}

#[test]
fn of_many_broken_files_ten_are_named() {
    let tree = Tree::new();
    tree.pairs(12);
    for i in 0..12 {
        tree.write(&format!("masks/{i}.png"), b"x");
    }
    let refusal = tree.refusal(&tree.folders(""));
    assert!(refusal.starts_with("12 of 12 samples cannot be used:\n") && refusal.ends_with("\n  and 2 more"), "{refusal}");
    assert_eq!(refusal.lines().count(), 12);
}

#[test]
fn files_that_were_cut_off() {
    let tree = Tree::new();
    tree.pairs(2);
    let noise = DynamicImage::ImageLuma8(GrayImage::from_fn(64, 64, |x, y| image::Luma([(x * y * 37 % 251) as u8])));
    let plain = |name: &str| noise.save(tree.path(name)).unwrap();
    plain("masks/0.png");
    plain("masks/1.png");
    tree.jpeg("images/0.jpg", 90, &noise);
    plain("images/1.tif");
    for name in ["images/0.jpg", "images/1.tif"] {
        let whole = fs::read(tree.path(name)).unwrap();
        tree.write(name, &whole[..whole.len() / 2]);
    }
    fs::remove_file(tree.path("images/0.png")).unwrap();
    fs::remove_file(tree.path("images/1.png")).unwrap();
    let refusal = tree.refusal(&tree.folders("colour = 'grey'"));
    assert!(refusal.contains("images/0.jpg: cannot be decoded: the file ends before the image does"), "{refusal}");
    assert!(refusal.contains("images/1.tif: the file ends before the image does; restore it"), "{refusal}");
}

#[test]
fn sizes_that_differ() {
    let tree = Tree::new();
    tree.pairs(2);
    tree.grey("masks/1.png", [2, 4], |_, _| 0);
    assert_eq!(
        tree.refusal(&tree.folders("")),
        "1 of 2 samples cannot be used:\n  ROOT/images/1.png: is 4 × 4 (height × width), its mask ROOT/masks/1.png is 2 × 4; \
         bring both to one size"
    );
}

#[test]
fn grey_and_colour_mixed() {
    let tree = Tree::new();
    tree.pairs(2);
    tree.rgb("images/1.png", [4, 4], |_, _| [1, 2, 3]);
    assert_eq!(
        tree.refusal(&tree.folders("")),
        "1 of 2 samples cannot be used:\n  ROOT/images/1.png: has 3 channel(s), but the first image, ROOT/images/0.png, has 1; \
         set colour = \"grey\" or \"rgb\""
    );
}

#[test]
fn masks_whose_values_mean_nothing() {
    let tree = Tree::new();
    tree.pairs(2);
    tree.grey("masks/0.png", [4, 4], |y, x| (y + x == 0).into());
    tree.grey("masks/1.png", [4, 4], |y, x| if y + x == 0 { 128 } else { 0 });
    assert_eq!(
        tree.refusal(&tree.folders("")),
        "2 of 2 samples cannot be used:\n  ROOT/masks/0.png: holds only the values 0 and 1; set mask_values = \"indexed\", or save \
         it with 0 and 255\n  ROOT/masks/1.png: has the value 128, neither dark (0 to 85) nor bright (170 to 255); make it black \
         and white, or set mask_values = \"indexed\" if values are class numbers"
    );
    let indexed = tree.refusal(&tree.folders("mask_values = 'indexed'"));
    assert_eq!(
        indexed,
        "1 of 2 samples cannot be used:\n  ROOT/masks/1.png: has the value 128, but the highest class is 1; name every class in \
         `classes`, or set mask_values = \"binary\" if it is black and white"
    );
    tree.rgb("masks/0.png", [4, 4], |_, _| [1, 2, 3]);
    tree.jpeg("masks/2.jpg", 90, &DynamicImage::ImageLuma8(GrayImage::new(4, 4)));
    tree.grey("images/2.png", [4, 4], |_, _| 77);
    let two = tree.refusal(&tree.folders("mask_values = 'indexed'\nclasses = ['a', 'b']"));
    assert!(
        two.contains("masks/0.png: is in colour (a pixel is 1, 2, 3); save masks as grey, or as PNG with a palette"),
        "{two}"
    );
    assert!(two.contains("masks/1.png: has the value 128, but the highest class is 2; name every class in `classes`\n"), "{two}");
    assert!(two.contains("masks/2.jpg: is a JPEG, which changes class numbers; save indexed masks as PNG or TIFF"), "{two}");
}

/// What a mask of one row of these values is refused with, but for its file.
fn of_values(values: &[u16], wide: bool, keys: &str) -> String {
    let tree = Tree::new();
    let size = [1, values.len() as u32];
    tree.grey("images/0.png", size, |_, _| 9);
    match wide {
        true => tree.grey16("masks/0.png", size, |_, x| values[x as usize]),
        false => tree.grey("masks/0.png", size, |_, x| values[x as usize] as u8),
    }
    let refusal = tree.refusal(&tree.folders(keys));
    let start = "1 of 1 samples cannot be used:\n  ROOT/masks/0.png: ";
    refusal.strip_prefix(start).unwrap_or_else(|| panic!("{refusal}")).to_owned()
}

#[test]
fn class_numbers_that_are_read_as_black_and_white() {
    let remedy = "none of them bright (170 to 255); set mask_values = \"indexed\" and name every class in `classes` if they are class \
                  numbers, list them in levels, or save it with 0 and 255";
    assert_eq!(of_values(&[0, 1, 2, 1], false, ""), format!("holds only the values 0, 1, 2, {remedy}"));
    assert_eq!(of_values(&[2, 0, 2], false, ""), format!("holds only the values 0, 2, {remedy}"));
    assert_eq!(of_values(&[1, 2, 2, 1], true, ""), format!("holds only the values 1, 2, {remedy}"), "16 bits");
    let many = of_values(&[0, 1, 2, 3, 4, 5, 6, 7], false, "");
    assert!(many.starts_with("holds only the values 0, 1, 2, 3, 4, and 3 more, none of them bright"), "{many}");
    assert_eq!(
        of_values(&[0, 4095], true, ""),
        "holds only the values 0, 4095, none of them bright (43690 to 65535); list them in levels, or save it with 0 and 65535"
    );
    assert_eq!(
        of_values(&[0, 1], true, ""),
        "holds only the values 0 and 1; set mask_values = \"indexed\", or save it with 0 and 255"
    );
    let halves = of_values(&[0, 100, 200], true, "");
    assert!(halves.starts_with("has the value 100, neither dark (0 to 85) nor bright (170 to 255); make it"), "{halves}");
}

/// Where no key says how masks are read, none is named.
#[test]
fn class_numbers_where_masks_are_always_black_and_white() {
    let refusal = of_values(&[0, 1, 2], false, "classes = ['a']\nclass_masks = { a = 'masks' }");
    assert_eq!(refusal, "holds only the values 0, 1, 2, none of them bright (170 to 255); save it with 0 and 255");
    let refusal = of_values(&[0, 128], false, "classes = ['a']\nclass_masks = { a = 'masks' }");
    assert_eq!(refusal, "has the value 128, neither dark (0 to 85) nor bright (170 to 255); make it black and white");
    let tree = Tree::new();
    tree.stack("i.tif", [1, 2], &[vec![7, 8]]);
    tree.stack("l.tif", [1, 2], &[vec![0, 2]]);
    let config = tree.dataset("stack", &format!("images = {:?}\nlabels = {:?}", tree.path("i.tif"), tree.path("l.tif")));
    let refusal = tree.refusal(&config);
    assert!(
        refusal.ends_with(
            "set mask_values = \"indexed\" and name every class in `classes` if they are class numbers, or save it with 0 and 255"
        ),
        "{refusal}"
    );
}

#[test]
fn a_mask_that_is_in_the_alpha_channel_alone() {
    let tree = Tree::new();
    tree.grey("images/0.png", [1, 2], |_, _| 9);
    for (white, keys) in [(0, ""), (255, ""), (0, "mask_values = 'indexed'"), (0, "levels = { foreground = [255] }")] {
        RgbaImage::from_raw(2, 1, vec![white, white, white, 0, white, white, white, 255])
            .unwrap()
            .save(tree.path("masks/0.png"))
            .unwrap();
        assert_eq!(
            tree.refusal(&tree.folders(keys)),
            "1 of 1 samples cannot be used:\n  ROOT/masks/0.png: is of one colour throughout and has its shape in the alpha channel; \
             save it as grey, black and white"
        );
    }
    // An alpha that says nothing, and one beside a mask that says all, are dropped.
    for pixels in [[0, 0, 0, 255, 0, 0, 0, 255], [0, 0, 0, 0, 255, 255, 255, 255]] {
        RgbaImage::from_raw(2, 1, pixels.to_vec()).unwrap().save(tree.path("masks/0.png")).unwrap();
        assert!(tree.open(&tree.folders(""), [1, 2], umlaut::config::Fit::Pad).is_ok());
    }
}

#[test]
fn a_mask_in_colours_that_is_read_as_black_and_white() {
    let tree = Tree::new();
    tree.grey("images/0.png", [1, 2], |_, _| 9);
    tree.rgb("masks/0.png", [1, 2], |_, x| [128 * x as u8, 0, 0]);
    let refusal = |keys: &str| tree.refusal(&tree.folders(keys)).lines().last().unwrap().trim().to_owned();
    assert_eq!(
        refusal(""),
        "ROOT/masks/0.png: is in colour (a pixel is 128, 0, 0); save masks as grey, or as PNG with a palette of classes and mask_values = \
         \"indexed\""
    );
    let alone = "classes = ['a']\nclass_masks = { a = 'masks' }";
    assert_eq!(refusal(alone), "ROOT/masks/0.png: is in colour (a pixel is 128, 0, 0); save masks as grey");
}

#[test]
fn a_stack_in_a_folder() {
    let tree = Tree::new();
    tree.stack("images/a.tif", [1, 1], &[vec![1], vec![2]]);
    tree.grey("masks/a.png", [1, 1], |_, _| 0);
    let refusal = tree.refusal(&tree.folders("colour = 'grey'"));
    assert!(refusal.ends_with(
        "a.tif: has several pages; read it with [dataset.volumes] or [dataset.stack], or save the pages as files of their own"
    ));
}

#[test]
fn stacks_that_do_not_match() {
    let tree = Tree::new();
    let config = tree.dataset("stack", &format!("images = {:?}\nlabels = {:?}", tree.path("i.tif"), tree.path("l.tif")));
    let refusal = tree.refusal(&config);
    assert_eq!(
        refusal,
        "ROOT/i.tif: looked for this TIFF file, found none; ROOT has no folders; paths are relative to the working directory"
    );
    tree.stack("i.tif", [1, 2], &vec![vec![7, 8]; 3]);
    tree.stack("l.tif", [1, 2], &vec![vec![0, 255]; 2]);
    assert_eq!(tree.refusal(&config), "ROOT/i.tif has 3 pages, ROOT/l.tif has 2; every image page needs one label page");
    tree.stack("l.tif", [1, 2], &[vec![0, 255], vec![0, 100], vec![0, 0]]);
    let refusal = tree.refusal(&config);
    assert!(refusal.starts_with("1 of 3 samples cannot be used:\n  ROOT/l.tif page 1: has the value 100, "), "{refusal}");
    tree.stack("l.tif", [2, 1], &vec![vec![0, 255]; 3]);
    let refusal = tree.refusal(&config);
    assert!(
        refusal.contains("\n  ROOT/i.tif page 2: is 1 × 2 (height × width), its mask ROOT/l.tif page 2 is 2 × 1"),
        "{refusal}"
    );
    tree.write("l.tif", b"no tiff");
    assert_eq!(tree.refusal(&config), "1 of 1 files cannot be used:\n  ROOT/l.tif: is no TIFF file; save it as TIFF");
}

#[test]
fn drishti_with_something_amiss() {
    let tree = Tree::new();
    let config = tree.dataset("drishti_gs", &format!("root = {:?}", tree.root()));
    tree.write("Drishti-GS1_files/readme.txt", b"");
    assert_eq!(
        tree.refusal(&config),
        "ROOT: looked for Drishti-GS1: `Training/Images` and `Test/Images`, in it or up to two folders down, found none; \
         ROOT has the folders Drishti-GS1_files; paths are relative to the working directory"
    );
    tree.rgb("Training/Images/drishtiGS_001.png", [1, 1], |_, _| [1, 2, 3]);
    assert_eq!(
        tree.refusal(&config),
        "ROOT/Training: looked for a folder `GT` or `Test_GT` with the soft maps, found none; ROOT/Training has the folders \
         Images; paths are relative to the working directory"
    );
    let maps = "Training/GT/drishtiGS_001/SoftMap/drishtiGS_001";
    tree.grey(&format!("{maps}_ODsegSoftmap.png"), [1, 1], |_, _| 0);
    tree.write("Training/GT/drishtiGS_009/SoftMap/x", b"");
    assert_eq!(
        tree.refusal(&config),
        "1 folder(s) of soft maps without an image: ROOT/Training/GT/drishtiGS_009; 1 soft map(s) are missing: \
         ROOT/Training/GT/drishtiGS_001/SoftMap/drishtiGS_001_cupsegSoftmap.png; an image NAME has its soft maps in NAME/SoftMap, as \
         the archive has them"
    );
    fs::remove_dir_all(tree.root().join("Training/GT/drishtiGS_009")).unwrap();
    tree.grey(&format!("{maps}_cupsegSoftmap.png"), [1, 2], |_, _| 0);
    assert!(tree.refusal(&config).contains("its mask ROOT/Training/GT/drishtiGS_001/SoftMap/drishtiGS_001_cup"));
    tree.rgb("Training/Images/NORMAL/drishtiGS_001.png", [1, 1], |_, _| [1, 2, 3]);
    assert_eq!(
        tree.refusal(&config),
        "1 sample name(s) belong to more than one file: drishtiGS_001 (ROOT/Training/Images/NORMAL/drishtiGS_001.png, \
         ROOT/Training/Images/drishtiGS_001.png); keep one file of each name"
    );
}
