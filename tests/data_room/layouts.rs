//! Each layout, read from a tree that is written here.

use crate::tree::{Tree, as_bytes, names};
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use std::io::Cursor;
use tiff::encoder::{TiffEncoder, colortype};
use umlaut::config::Fit;
use umlaut::data::{Cut, Description, Photo, describe, fingerprint, photos};

#[test]
fn folders_pair_by_stem_whatever_the_format() {
    let tree = Tree::new();
    tree.grey("images/b.PNG", [2, 3], |y, x| (100 * y + x) as u8);
    tree.grey("images/sub/a.tif", [2, 3], |y, x| (50 * y + x) as u8);
    tree.grey("masks/b.tiff", [2, 3], |_, x| if x == 0 { 255 } else { 0 });
    tree.grey("masks/sub/a.png", [2, 3], |_, x| if x == 2 { 255 } else { 0 });
    for noise in ["images/Thumbs.db", "images/.hidden.png", "masks/.git/x.png", "masks/notes.txt"] {
        tree.write(noise, b"x");
    }
    let dataset = tree.open(&tree.folders(""), [2, 3], Fit::Pad).unwrap();
    assert_eq!(names(&dataset), ["b", "sub/a"]);
    assert_eq!((dataset.channels, dataset.size), (1, [2, 3]));
    assert_eq!(dataset.classes, ["foreground"]);
    assert_eq!(as_bytes(&dataset.samples[0].image), [0, 1, 2, 100, 101, 102]);
    assert_eq!(dataset.samples[0].mask, [1, 0, 0, 1, 0, 0]);
    assert_eq!(as_bytes(&dataset.samples[1].image), [0, 1, 2, 50, 51, 52]);
    assert_eq!(dataset.samples[1].mask, [0, 0, 1, 0, 0, 1]);
    assert!(dataset.sources[1].ends_with("images/sub/a.tif"), "{}", dataset.sources[1]);
    let description = Description { channels: 1, classes: vec!["foreground".into()], count: 2 };
    assert_eq!(describe(&tree.folders("")).unwrap(), description);
}

#[test]
fn folders_may_be_named_and_one_may_hold_the_other() {
    let tree = Tree::new();
    tree.grey("a.png", [2, 2], |_, _| 7);
    tree.grey("labels/a.png", [2, 2], |_, _| 0);
    let dataset = tree.open(&tree.folders("images = '.'\nmasks = 'labels'"), [2, 2], Fit::Pad).unwrap();
    assert_eq!(names(&dataset), ["a"]);
}

#[test]
fn depth_and_colour_come_to_one_scale() {
    let tree = Tree::new();
    tree.grey16("images/a.png", [1, 2], |_, x| [0x3333, 0xFFFF][x as usize]);
    tree.rgb("images/b.png", [1, 2], |_, x| [[255, 0, 0], [0, 0, 255]][x as usize]);
    let alpha = RgbaImage::from_raw(2, 1, vec![1, 2, 3, 0, 4, 5, 6, 128]).unwrap();
    alpha.save(tree.path("images/c.png")).unwrap();
    for mask in ["masks/a.png", "masks/b.png", "masks/c.png"] {
        tree.grey(mask, [1, 2], |_, _| 0);
    }
    let open = |colour: &str| tree.open(&tree.folders(&format!("colour = '{colour}'")), [1, 2], Fit::Pad).unwrap();

    let rgb = open("rgb");
    assert_eq!(rgb.channels, 3);
    assert_eq!(rgb.samples[0].image, [0.2, 1.0, 0.2, 1.0, 0.2, 1.0]);
    assert_eq!(as_bytes(&rgb.samples[1].image), [255, 0, 0, 0, 0, 255]);
    assert_eq!(as_bytes(&rgb.samples[2].image), [1, 4, 2, 5, 3, 6]);

    // Rec. 601: 0.299, 0.587, 0.114.
    let grey = open("grey");
    assert_eq!(grey.channels, 1);
    assert_eq!(grey.samples[1].image, [0.299, 0.114]);
    assert_eq!(grey.samples[0].image, [0.2, 1.0]);
}

#[test]
fn auto_colour_follows_the_first_image() {
    let tree = Tree::new();
    tree.jpeg("images/a.jpg", 95, &DynamicImage::ImageRgb8(RgbImage::from_pixel(8, 8, image::Rgb([200, 10, 10]))));
    tree.grey("masks/a.png", [8, 8], |_, _| 255);
    assert_eq!(describe(&tree.folders("")).unwrap().channels, 3);
    let dataset = tree.open(&tree.folders(""), [8, 8], Fit::Pad).unwrap();
    let planes: Vec<u8> = dataset.samples[0].image.chunks(64).map(|plane| as_bytes(plane)[0]).collect();
    assert!(planes[0].abs_diff(200) < 8 && planes[1].abs_diff(10) < 8 && planes[2].abs_diff(10) < 8, "{planes:?}");
}

#[test]
fn tiff_in_colour_and_with_alpha() {
    let tree = Tree::new();
    tree.rgb("images/a.tiff", [1, 2], |_, x| [[1, 2, 3], [4, 5, 6]][x as usize]);
    RgbaImage::from_raw(2, 1, vec![7, 8, 9, 0, 1, 2, 3, 255]).unwrap().save(tree.path("images/b.tif")).unwrap();
    tree.grey16("images/c.tif", [1, 2], |_, x| [0x3333, 0xFFFF][x as usize]);
    for mask in ["masks/a.png", "masks/b.png", "masks/c.png"] {
        tree.grey(mask, [1, 2], |_, _| 0);
    }
    let dataset = tree.open(&tree.folders("colour = 'rgb'"), [1, 2], Fit::Pad).unwrap();
    assert_eq!(as_bytes(&dataset.samples[0].image), [1, 4, 2, 5, 3, 6]);
    assert_eq!(as_bytes(&dataset.samples[1].image), [7, 1, 8, 2, 9, 3]);
    assert_eq!(dataset.samples[2].image[..2], [0.2, 1.0]);
}

#[test]
fn a_stack_is_read_page_by_page() {
    let tree = Tree::new();
    let page = |i: u8| vec![i, 2 * i, 3 * i, 4 * i];
    let pages: Vec<Vec<u8>> = (0..12).map(page).collect();
    let labels: Vec<Vec<u8>> = (0..12).map(|i| vec![i % 3, 0, 1, 2]).collect();
    tree.stack("volume.tif", [2, 2], &pages);
    tree.stack("labels.tif", [2, 2], &labels);
    let (images, masks) = (tree.path("volume.tif"), tree.path("labels.tif"));
    let keys = format!("images = {images:?}\nlabels = {masks:?}\nclasses = ['a', 'b']\nmask_values = 'indexed'");
    let config = tree.dataset("stack", &keys);
    assert_eq!(describe(&config).unwrap(), Description { channels: 1, classes: vec!["a".into(), "b".into()], count: 12 });
    let dataset = tree.open(&config, [2, 2], Fit::Pad).unwrap();
    assert_eq!(names(&dataset)[..3], ["00", "01", "02"]);
    assert_eq!(names(&dataset)[11], "11");
    assert_eq!(as_bytes(&dataset.samples[11].image), [11, 22, 33, 44]);
    // Page 11: label 2, 0, 1, 2; class a is where it is 1, class b where it is 2.
    assert_eq!(dataset.samples[11].mask, [0, 0, 1, 0, 1, 0, 0, 1]);
    // A second reading comes from the cache, page by page.
    assert_eq!(tree.open(&config, [2, 2], Fit::Pad).unwrap(), dataset);
}

/// The pages of each file are slices of a volume, with its palette where a mask has one.
#[test]
fn tiff_files_of_several_pages_are_volumes() {
    let tree = Tree::new();
    tree.stack("images/a.ome.tif", [2, 2], &[vec![1, 2, 3, 4], vec![5, 6, 7, 8]]);
    tree.stack("images/b.TIFF", [2, 2], &[vec![9, 9, 9, 9]]);
    tree.stack("masks/a.tif", [2, 2], &[vec![0, 1, 2, 0], vec![2, 2, 0, 1]]);
    tree.stack("masks/b.tif", [2, 2], &[vec![0, 0, 1, 1]]);
    let config = tree.dataset("volumes", &format!("root = {:?}\nclasses = ['a', 'b']", tree.path(".")));
    let dataset = tree.open(&config, [2, 2], Fit::Pad).unwrap();
    assert_eq!(names(&dataset), ["a_s000", "a_s001", "b_s000"]);
    assert_eq!(as_bytes(&dataset.samples[1].image), [5, 6, 7, 8]);
    assert_eq!(dataset.samples[1].mask, [0, 0, 0, 1, 1, 1, 0, 0]);
    let refused = || tree.open(&config, [2, 2], Fit::Pad).unwrap_err().to_string();
    tree.stack("images/a.ome.tif", [2, 2], &[vec![1, 2, 3, 4]]);
    assert!(refused().contains("a.ome.tif: has 1 slices of 2 × 2, its mask"), "{}", refused());
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    encoder.write_image::<colortype::Gray8>(2, 2, &[1, 2, 3, 4]).unwrap();
    encoder.write_image::<colortype::Gray8>(1, 2, &[1, 2]).unwrap();
    tree.write("images/a.ome.tif", bytes.get_ref());
    assert!(refused().contains("a.ome.tif slice 1: is 2 × 1 with 1 channel(s), the first page 2 × 2 with 1"), "{}", refused());
    let sideways = tree.dataset("volumes", &format!("root = {:?}\nclasses = ['a', 'b']\naxis = 'first'", tree.path(".")));
    let refused = tree.open(&sideways, [2, 2], Fit::Pad).unwrap_err().to_string();
    assert!(refused.contains("is TIFF, which is read page by page; leave `axis` out"), "{refused}");
}

#[test]
fn a_stack_of_16_bit_colour() {
    let tree = Tree::new();
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    encoder.write_image::<colortype::RGB16>(2, 1, &[0x3333, 0, 0xFFFF, 0, 0x6666, 0]).unwrap();
    tree.write("volume.tif", bytes.get_ref());
    tree.stack("labels.tif", [1, 2], &[vec![255, 0]]);
    let keys = format!("images = {:?}\nlabels = {:?}", tree.path("volume.tif"), tree.path("labels.tif"));
    let dataset = tree.open(&tree.dataset("stack", &keys), [1, 2], Fit::Pad).unwrap();
    assert_eq!(dataset.samples[0].image, [0.2, 0.0, 0.0, 0.4, 1.0, 0.0]);
    assert_eq!((names(&dataset), &dataset.samples[0].mask[..]), (vec!["0"], &[1u8, 0][..]));
}

/// The mask is of the image as a viewer shows it; what is stored lies on its side.
#[test]
fn a_jpeg_is_turned_as_its_exif_orientation_says() {
    let tree = Tree::new();
    // Bright at the right as stored; orientation 6 is a quarter turn clockwise: bright at the bottom.
    let stored = DynamicImage::ImageLuma8(GrayImage::from_fn(16, 8, |x, _| image::Luma([if x < 8 { 0 } else { 255 }])));
    let open = || tree.open(&tree.folders("colour = 'grey'"), [16, 8], Fit::Pad).map(|dataset| dataset.samples[0].image.clone());
    tree.grey("masks/a.png", [16, 8], |y, _| if y < 8 { 0 } else { 255 });
    tree.jpeg_turned("images/a.jpg", 6, &stored);
    let upright = as_bytes(&open().unwrap());
    assert!(upright[..56].iter().all(|v| *v < 20) && upright[72..].iter().all(|v| *v > 235), "{upright:?}");
    let photo = Photo::read(&photos(&[tree.path("images/a.jpg")], Cut::default()).unwrap()[0], 0).unwrap();
    assert_eq!(
        (photo.size, as_bytes(&photo.planes(&umlaut::config::Preprocess::default(), 1).unwrap())),
        ([16, 8], upright.clone()),
        "predicted on as trained on"
    );
    tree.jpeg_turned("images/a.jpg", 8, &stored);
    let other = as_bytes(&open().unwrap());
    assert!(other[..56].iter().all(|v| *v > 235) && other[72..].iter().all(|v| *v < 20), "{other:?}");
    // As it is stored it does not suit its mask, and the message tells what was turned.
    tree.jpeg_turned("images/a.jpg", 1, &stored);
    assert!(open().unwrap_err().to_string().contains("images/a.jpg: is 8 × 16 (height × width), its mask"));
    tree.jpeg_turned("images/a.jpg", 5, &DynamicImage::new_luma8(8, 16));
    let refused = open().unwrap_err().to_string();
    assert!(refused.contains("images/a.jpg: is 8 × 16 (height × width) as its orientation shows it, its mask"), "{refused}");
}

/// What older versions decoded otherwise is another data set now; what they decoded alike is the same.
#[test]
fn a_fingerprint_tells_what_is_turned() {
    let tree = Tree::new();
    let image = DynamicImage::new_luma8(8, 8);
    tree.grey("masks/a.png", [8, 8], |_, _| 0);
    let print = |orientation: u8| {
        tree.jpeg_turned("images/a.jpg", orientation, &image);
        let bytes = |name: &str| blake3::hash(&std::fs::read(tree.path(name)).unwrap());
        let mut hasher = blake3::Hasher::new();
        let channels = describe(&tree.folders("")).unwrap().channels;
        let reading = format!("folders, Binary, classes [\"foreground\"], levels {{}}, masks of []; {channels} channels");
        hasher.update(&(reading.len() as u64).to_le_bytes()).update(reading.as_bytes());
        hasher.update(&1u64.to_le_bytes()).update(b"a\0").update(&2u64.to_le_bytes());
        hasher.update(bytes("images/a.jpg").as_bytes()).update(bytes("masks/a.png").as_bytes());
        (fingerprint(&tree.folders("")).unwrap(), hasher.finalize().to_hex().to_string())
    };
    let ((plain, by_content), (turned, by_bytes)) = (print(1), print(3));
    assert_eq!(plain, by_content);
    assert_ne!(turned, by_bytes);
}

/// Two training images, one test image, the soft values 0, 64, 128, 191, 255 in a row.
fn drishti(tree: &Tree, home: &str, below: [&str; 2]) {
    let soft = [0u8, 64, 128, 191, 255];
    for (number, part, truth, class) in [(1, "Training", "GT", 0), (4, "Training", "GT", 1), (2, "Test", "Test_GT", 0)] {
        let name = format!("drishtiGS_{number:03}");
        tree.rgb(&format!("{home}{part}/Images/{}{name}.png", below[class]), [1, 5], |_, x| [number * 10, x as u8, 0]);
        let maps = format!("{home}{part}/{truth}/{name}/SoftMap/{name}");
        tree.grey(&format!("{maps}_ODsegSoftmap.png"), [1, 5], |_, x| soft[x as usize]);
        tree.grey(&format!("{maps}_cupsegSoftmap.png"), [1, 5], |_, x| soft[4 - x as usize]);
        tree.write(&format!("{home}{part}/{truth}/{name}/AvgBoundary/{name}_diskCenter.txt"), b"1 1");
    }
}

#[test]
fn drishti_wherever_it_was_unpacked() {
    let nested = ["Drishti-GS1_files/Drishti-GS1_files/", "Drishti-GS1_files/", ""];
    for (home, below) in nested.into_iter().zip([["GLAUCOMA/", "NORMAL/"], ["", ""], ["", ""]]) {
        let tree = Tree::new();
        drishti(&tree, home, below);
        let config = tree.dataset("drishti_gs", &format!("root = {:?}", tree.root()));
        assert_eq!(describe(&config).unwrap(), Description { channels: 3, classes: vec!["disc".into(), "cup".into()], count: 3 });
        let dataset = tree.open(&config, [1, 5], Fit::Pad).unwrap();
        assert_eq!(names(&dataset), ["drishtiGS_001", "drishtiGS_002", "drishtiGS_004"]);
        assert_eq!(dataset.official_test, [false, true, false]);
        assert_eq!(as_bytes(&dataset.samples[1].image), [20, 20, 20, 20, 20, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0]);
    }
}

#[test]
fn drishti_counts_annotators() {
    let tree = Tree::new();
    drishti(&tree, "", ["", ""]);
    let mask = |more: &str| {
        let config = tree.dataset("drishti_gs", &format!("root = {:?}\n{more}", tree.root()));
        tree.open(&config, [1, 5], Fit::Pad).unwrap().samples[0].mask.clone()
    };
    assert_eq!(mask("mask_policy = 'any'"), [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    assert_eq!(mask("mask_policy = 'majority'"), [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
    assert_eq!(mask("mask_policy = 'all'"), [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]);
    assert_eq!(mask("targets = ['cup']"), [1, 1, 1, 1, 0]);
}

#[test]
fn drawings_need_no_files() {
    let tree = Tree::new();
    let config = tree.dataset("synthetic", "count = 11\nsize = [32, 40]\ntargets = ['cup', 'disc']");
    let dataset = tree.open(&config, [32, 40], Fit::Pad).unwrap();
    assert_eq!(dataset.samples.len(), 11);
    assert_eq!((dataset.samples[10].name.as_str(), dataset.channels), ("10", 3));
    assert_eq!(dataset.classes, ["cup", "disc"]);
    let drawn = umlaut::data::draw(1, 10, [32, 40]);
    assert_eq!(dataset.samples[10].mask, [drawn.cup, drawn.disc].concat());
    let red: Vec<u8> = drawn.rgb.iter().step_by(3).copied().collect();
    assert_eq!(as_bytes(&dataset.samples[10].image[..32 * 40]), red);
    let other = tree.dataset("synthetic", "count = 11\nsize = [32, 40]\nseed = 2");
    assert_ne!(fingerprint(&config).unwrap(), fingerprint(&other).unwrap());
}

#[test]
fn a_fingerprint_follows_names_and_content_only() {
    let (here, there) = (Tree::new(), Tree::new());
    here.pairs(3);
    there.pairs(3);
    let print = |tree: &Tree| fingerprint(&tree.folders("")).unwrap();
    let before = print(&here);
    assert_eq!(before.len(), 64);
    assert_eq!(before, print(&there));
    there.grey("masks/1.png", [4, 4], |_, _| 255);
    assert_ne!(before, print(&there));
    std::fs::rename(here.path("images/2.png"), here.path("images/3.png")).unwrap();
    std::fs::rename(here.path("masks/2.png"), here.path("masks/3.png")).unwrap();
    assert_ne!(before, print(&here));
}

/// Every key that decides what masks mean or how many channels images have; none that says where files lie.
#[test]
fn a_fingerprint_follows_how_files_are_read() {
    let tree = Tree::new();
    tree.pairs(3);
    let (levels, folders) = ("levels = { foreground = [255] }", "class_masks = { foreground = 'masks' }");
    let keys =
        ["", "mask_values = 'indexed'", levels, "levels = { foreground = [7] }", folders, "classes = ['a']", "colour = 'rgb'"];
    let prints = keys.map(|keys| fingerprint(&tree.folders(keys)).unwrap());
    for (at, print) in prints.iter().enumerate() {
        assert!(!prints[..at].contains(print), "{}", keys[at]);
    }
    assert_eq!(fingerprint(&tree.folders("colour = 'grey'")).unwrap(), prints[0], "as `auto` finds it");
    let there = Tree::new();
    there.pairs(3);
    ["images", "masks"].iter().for_each(|folder| {
        std::fs::rename(there.root().join(folder), there.root().join(format!("my-{folder}"))).unwrap();
    });
    assert_eq!(fingerprint(&there.folders("images = 'my-images'\nmasks = 'my-masks'")).unwrap(), prints[0]);

    let tree = Tree::new();
    drishti(&tree, "", ["", ""]);
    let print = |more: &str| fingerprint(&tree.dataset("drishti_gs", &format!("root = {:?}\n{more}", tree.root()))).unwrap();
    let prints = ["", "mask_policy = 'majority'", "targets = ['cup']", "targets = ['cup', 'disc']"].map(print);
    assert!((1..prints.len()).all(|at| !prints[..at].contains(&prints[at])), "{prints:?}");
}

#[test]
fn fits_keep_image_and_mask_together() {
    let tree = Tree::new();
    // 2 × 4, the right half bright and marked.
    tree.grey("images/a.png", [2, 4], |_, x| if x > 1 { 255 } else { 51 });
    tree.grey("masks/a.png", [2, 4], |_, x| if x > 1 { 255 } else { 0 });
    let open = |size, fit| tree.open(&tree.folders(""), size, fit).unwrap().samples.remove(0);

    // Fits as it is: black rows above and below.
    let pad = open([4, 4], Fit::Pad);
    assert_eq!(as_bytes(&pad.image), [[0; 4], [51, 51, 255, 255], [51, 51, 255, 255], [0; 4]].concat());
    assert_eq!(pad.mask, [[0; 4], [0, 0, 1, 1], [0, 0, 1, 1], [0; 4]].concat());

    // Covers as it is: the middle two columns.
    let crop = open([2, 2], Fit::Crop);
    assert_eq!((as_bytes(&crop.image), &crop.mask[..]), (vec![51, 255, 51, 255], &[0u8, 1, 0, 1][..]));

    // 4 columns to 2: centres at 1 and 3 source pixels, the triangle 2 wide on either side: weights 1 3 3 1 of the columns
    // around 1, of which the outermost is outside: (1·51 …) over columns 0, 1, 2 is (3·51 + 3·51 + 255) / 7.
    let stretch = open([2, 2], Fit::Stretch);
    let left = (6.0 * 51.0 + 255.0) / 7.0 / 255.0;
    let right = (51.0 + 6.0 * 255.0) / 7.0 / 255.0;
    for (value, expected) in stretch.image.iter().zip([left, right, left, right]) {
        assert!((value - expected).abs() < 1e-6, "{value} {expected}");
    }
    assert_eq!(stretch.mask, [0, 1, 0, 1]);
}

/// A little-endian TIFF made by hand, one strip a plane: the encoder at hand writes no separate planes and no single bits.
/// Tags as in the TIFF 6.0 specification.
fn tiff([height, width]: [u16; 2], bits: u16, photometric: u16, samples: u16, planes: &[&[u8]]) -> Vec<u8> {
    let count = planes.len() as u16;
    let data_at = 8 + 2 + 12 * 10 + 4 + 24 + 24 + 8;
    let mut offset = data_at as u32;
    let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
    for plane in planes {
        offsets.push(offset);
        lengths.push(plane.len() as u32);
        offset += plane.len() as u32;
    }
    let planar = if count > 1 { 2 } else { 1 };
    let fields: [(u16, Vec<u32>); 10] = [
        (256, vec![width.into()]),
        (257, vec![height.into()]),
        (258, vec![bits.into(); samples.into()]),
        (259, vec![1]),
        (262, vec![photometric.into()]),
        (273, offsets),
        (277, vec![samples.into()]),
        (278, vec![height.into()]),
        (279, lengths),
        (284, vec![planar]),
    ];
    let mut bytes = b"II*\0\x08\0\0\0\x0A\0".to_vec();
    let mut extra = Vec::new();
    for (tag, values) in fields {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(4u16.to_le_bytes());
        bytes.extend((values.len() as u32).to_le_bytes());
        if let [value] = values[..] {
            bytes.extend(value.to_le_bytes());
        } else {
            bytes.extend((134 + extra.len() as u32).to_le_bytes());
            extra.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    bytes.extend([0; 4]);
    assert_eq!(bytes.len(), 134);
    bytes.extend(extra);
    bytes.resize(data_at, 0);
    bytes.extend(planes.concat());
    bytes
}

#[test]
fn tiff_with_separate_planes_of_several_channels_and_of_single_bits() {
    const WHITE_IS_ZERO: u16 = 0;
    const BLACK_IS_ZERO: u16 = 1;
    const RGB: u16 = 2;
    let tree = Tree::new();
    tree.write("images/a.tif", &tiff([1, 2], 8, RGB, 3, &[&[1, 4], &[2, 5], &[3, 6]]));
    tree.write("images/b.tif", &tiff([1, 2], 8, BLACK_IS_ZERO, 2, &[&[7, 0, 8, 255]]));
    tree.grey("masks/b.png", [1, 2], |_, _| 255);
    tree.grey("masks/a.png", [1, 2], |_, _| 255);
    // What nothing calls alpha may be a second channel, which must not vanish.
    let refused = tree.open(&tree.folders("colour = 'rgb'"), [1, 2], Fit::Pad).unwrap_err().to_string();
    assert!(refused.contains("images/b.tif: has 2 channels, of which 1 are neither colour nor alpha"), "{refused}");
    ["a", "b"].iter().for_each(|name| std::fs::remove_file(tree.path(&format!("masks/{name}.png"))).unwrap());
    tree.write("images/b.tif", &tiff([1, 2], 8, BLACK_IS_ZERO, 1, &[&[7, 8]]));
    tree.write("masks/a.tif", &tiff([1, 2], 1, BLACK_IS_ZERO, 1, &[&[0b0100_0000]]));
    tree.write("masks/b.tif", &tiff([1, 2], 1, WHITE_IS_ZERO, 1, &[&[0b0100_0000]]));
    let dataset = tree.open(&tree.folders("colour = 'rgb'"), [1, 2], Fit::Pad).unwrap();
    assert_eq!(as_bytes(&dataset.samples[0].image), [1, 4, 2, 5, 3, 6]);
    assert_eq!(as_bytes(&dataset.samples[1].image), [7, 8, 7, 8, 7, 8]);
    assert_eq!((&dataset.samples[0].mask[..], &dataset.samples[1].mask[..]), (&[0u8, 1][..], &[1u8, 0][..]));
}

/// Values of several classes in one mask, and a value that nobody knows.
#[test]
fn levels_name_the_values_of_each_class() {
    let tree = Tree::new();
    tree.grey("images/a.png", [1, 4], |_, x| x as u8);
    tree.grey("masks/a.png", [1, 4], |_, x| [0, 128, 255, 255][x as usize]);
    let levels = "classes = ['disc', 'cup']\nlevels = { background = [255], disc = [0, 128], cup = [0] }";
    let dataset = tree.open(&tree.folders(levels), [1, 4], Fit::Pad).unwrap();
    assert_eq!(dataset.samples[0].mask, [1, 1, 0, 0, 1, 0, 0, 0]);
    let few = "classes = ['disc', 'cup']\nlevels = { background = [255], disc = [0], cup = [0] }";
    let refused = tree.open(&tree.folders(few), [1, 4], Fit::Pad).unwrap_err().to_string();
    assert!(refused.contains("masks/a.png: has the value 128 in 1 pixel(s), which belongs to no class"), "{refused}");
}

#[test]
fn classes_may_have_folders_of_masks_of_their_own() {
    let tree = Tree::new();
    tree.grey("images/a.png", [1, 3], |_, x| x as u8);
    tree.grey("discs/a.png", [1, 3], |_, x| if x > 0 { 255 } else { 0 });
    tree.grey("cups/a.tif", [1, 3], |_, x| if x > 1 { 255 } else { 0 });
    let folders = tree.folders("classes = ['cup', 'disc']\nclass_masks = { disc = 'discs', cup = 'cups' }");
    assert_eq!(tree.open(&folders, [1, 3], Fit::Pad).unwrap().samples[0].mask, [0, 0, 1, 0, 1, 1]);
    std::fs::remove_file(tree.path("cups/a.tif")).unwrap();
    tree.grey("cups/b.png", [1, 3], |_, _| 0);
    let refused = tree.open(&folders, [1, 3], Fit::Pad).unwrap_err().to_string();
    assert!(refused.contains("cups") && refused.contains("without"), "{refused}");
}

#[test]
fn refuge_pairs_by_stem_and_reads_its_three_values() {
    let tree = Tree::new();
    tree.rgb("Training400/Glaucoma/g0001.jpg", [8, 8], |_, _| [9, 8, 7]);
    tree.rgb("Training400/Non-Glaucoma/n0001.jpg", [8, 8], |_, _| [9, 8, 7]);
    for name in ["Glaucoma/g0001", "Non-Glaucoma/n0001"] {
        let value = |_: u32, x: u32| [0, 128, 128, 255, 255, 255, 255, 255][x as usize];
        tree.grey(&format!("Annotation-Training400/Disc_Cup_Masks/{name}.bmp"), [8, 8], value);
    }
    let refuge = |more: &str| tree.dataset("refuge", &format!("root = {:?}\n{more}", tree.root()));
    let dataset = tree.open(&refuge(""), [8, 8], Fit::Pad).unwrap();
    assert_eq!((names(&dataset), dataset.channels), (vec!["g0001", "n0001"], 3));
    assert_eq!(dataset.classes, ["disc", "cup"]);
    assert_eq!(dataset.samples[0].mask[..8], [1, 1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(dataset.samples[1].mask[64..72], [1, 0, 0, 0, 0, 0, 0, 0]);
    let cup = tree.open(&refuge("targets = ['cup']"), [8, 8], Fit::Pad).unwrap();
    assert_eq!(cup.samples[0].mask[..8], [1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn rim_one_finds_masks_by_name_and_its_test_part_by_folder() {
    let tree = Tree::new();
    let images = "RIM-ONE_DL_images/partitioned_randomly";
    for (part, name) in [("training_set/normal", "r1_Im001"), ("test_set/glaucoma", "r2_Im002")] {
        tree.rgb(&format!("{images}/{part}/{name}.png"), [2, 2], |_, _| [1, 2, 3]);
        let masks = format!("RIM-ONE_DL_reference_segmentations/{}/{name}-1", part.split('/').next_back().unwrap());
        tree.grey(&format!("{masks}-Disc-T.png"), [2, 2], |y, _| if y == 0 { 255 } else { 0 });
        tree.grey(&format!("{masks}-Cup-T.png"), [2, 2], |y, x| if y + x == 0 { 255 } else { 0 });
    }
    let config = tree.dataset("rim_one", &format!("root = {:?}", tree.root()));
    let dataset = tree.open(&config, [2, 2], Fit::Pad).unwrap();
    assert_eq!(names(&dataset), ["r1_Im001", "r2_Im002"]);
    assert_eq!(dataset.official_test, [false, true]);
    assert_eq!(dataset.samples[0].mask, [1, 1, 0, 0, 1, 0, 0, 0]);
    tree.rgb(&format!("{images}/training_set/normal/r3.png"), [2, 2], |_, _| [1, 2, 3]);
    let refused = tree.open(&config, [2, 2], Fit::Pad).unwrap_err().to_string();
    let masks = tree.path("RIM-ONE_DL_reference_segmentations").display().to_string();
    assert_eq!(
        refused,
        format!(
            "2 mask(s) are missing in {masks}: r3-1-Disc-T, r3-1-Cup-T; an image NAME has the masks NAME-1-Disc-T and NAME-1-Cup-T"
        )
    );
}

#[test]
fn the_data_science_bowls_masks_are_merged() {
    let tree = Tree::new();
    tree.rgb("aa/images/aa.png", [1, 3], |_, _| [4, 5, 6]);
    tree.grey("aa/masks/1.png", [1, 3], |_, x| if x == 0 { 255 } else { 0 });
    tree.grey("aa/masks/2.png", [1, 3], |_, x| if x == 2 { 255 } else { 0 });
    let config = tree.dataset("dsb2018", &format!("root = {:?}", tree.root()));
    let dataset = tree.open(&config, [1, 3], Fit::Pad).unwrap();
    assert_eq!((names(&dataset), dataset.classes.clone()), (vec!["aa"], vec!["nucleus".to_owned()]));
    assert_eq!(dataset.samples[0].mask, [1, 0, 1]);
    tree.rgb("bb/images/bb.png", [1, 3], |_, _| [4, 5, 6]);
    let rule = "a sample is a folder with one image in `images` and a mask for each nucleus in `masks`";
    assert_eq!(tree.refusal(&config), format!("1 sample(s) are amiss: ROOT/bb has no folder `masks`; {rule}"));
    tree.write("bb/masks/x.txt", b"");
    let empty = "ROOT/bb/masks: holds no PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy file; it holds only .txt; convert them";
    assert_eq!(tree.refusal(&config), format!("1 sample(s) are amiss: {empty}; {rule}"));
    for i in 0..5 {
        tree.write(&format!("c{i}/masks/x.txt"), b"");
    }
    assert!(
        tree.refusal(&config).contains("6 sample(s) are amiss: ") && tree.refusal(&config).contains("; and 3 more; a sample is")
    );
    // A root that is none is reported once.
    let wrong = Tree::new();
    (0..9).for_each(|i| wrong.write(&format!("d{i}/x.txt"), b""));
    assert_eq!(
        wrong.refusal(&wrong.dataset("dsb2018", &format!("root = {:?}", wrong.root()))),
        "ROOT: looked for folders that hold `images` and `masks`, one a sample (`stage1_train`), found none; ROOT has the folders d0, d1, \
         d2, d3, d4, d5, and 3 more; paths are relative to the working directory"
    );
}
