//! `umlaut init FOLDER` on folders of many shapes: what it finds, and that the experiment runs as it is.

use super::{Desk, files, image, inside};
use tiff::encoder::{TiffEncoder, colortype};

const SIDE: [u32; 2] = [32, 32];
const COUNT: u32 = 10;

/// A folder of images and masks of some shape, and what is expected of it: words of the experiment, and of what `init` says.
struct Shape {
    name: &'static str,
    make: fn(&Desk),
    written: &'static [&'static str],
    said: &'static [&'static str],
}

fn mask(value: u8) -> impl Fn(u32, u32, u32) -> u8 {
    move |x, y, i| if inside(x, y, i) { value } else { 0 }
}

fn each(make: impl Fn(u32)) {
    (0..COUNT).for_each(make);
}

fn pair(desk: &Desk, image_name: &str, mask_name: &str, i: u32, value: u8) {
    desk.grey(image_name, SIDE, image(i));
    desk.grey(mask_name, SIDE, |x, y| mask(value)(x, y, i));
}

const SHAPES: [Shape; 12] = [
    Shape {
        name: "two folders",
        make: |d| each(|i| pair(d, &format!("d/images/{i}.png"), &format!("d/masks/{i}.png"), i, 255)),
        written: &["images = \"images\"", "masks = \"masks\"", "mask_values = \"binary\""],
        said: &["10 samples, 32 × 32 (height × width), grey", "foreground"],
    },
    Shape {
        name: "one folder with suffixes",
        make: |d| each(|i| pair(d, &format!("d/scan_{i:02}.png"), &format!("d/scan_{i:02}_mask.png"), i, 255)),
        written: &["images = \"{name}.*\"", "masks = \"{name}_mask.*\""],
        said: &["images {name}.* and masks {name}_mask.*"],
    },
    Shape {
        name: "upper case and another kind of file",
        make: |d| each(|i| pair(d, &format!("d/IMG/A{i}.PNG"), &format!("d/GT/A{i}-seg.TIF"), i, 255)),
        written: &["images = \"IMG\"", "masks = \"GT/{name}-seg.*\""],
        said: &["10 samples"],
    },
    Shape {
        name: "image_ and label_ with class numbers",
        make: |d| {
            each(|i| {
                d.grey(&format!("d/image_{i}.png"), SIDE, image(i));
                d.grey(&format!("d/label_{i}.png"), SIDE, |x, y| u8::from(inside(x, y, i)) + u8::from(inside(x, y, i) && x > 14));
            });
        },
        written: &[
            "images = \"image_{name}.*\"",
            "masks = \"label_{name}.*\"",
            "classes = [\"class_1\", \"class_2\"]",
            "mask_values = \"indexed\"",
        ],
        said: &["class_1", "class_2"],
    },
    Shape {
        name: "a folder for each sample",
        make: |d| each(|i| pair(d, &format!("d/case{i}/image.png"), &format!("d/case{i}/mask.png"), i, 255)),
        written: &["images = \"{folder}/image.*\"", "masks = \"{folder}/mask.*\""],
        said: &["10 samples"],
    },
    Shape {
        name: "patients",
        make: |d| {
            each(|i| {
                pair(
                    d,
                    &format!("d/images/patient{:02}_slice{}.png", i / 2, i % 2),
                    &format!("d/labels/patient{:02}_slice{}.png", i / 2, i % 2),
                    i,
                    255,
                )
            })
        },
        written: &["group = '"],
        said: &["5 by name, such as patient"],
    },
    Shape {
        name: "a folder for each patient",
        make: |d| {
            each(|i| pair(d, &format!("d/p{}/images/{}.png", i / 2, i % 2), &format!("d/p{}/masks/{}.png", i / 2, i % 2), i, 255))
        },
        written: &["images = \"{folder}/images/{name}.*\"", "group = '^(.+)/[^/]+$'"],
        said: &["5 by name, such as p"],
    },
    Shape {
        name: "folders without words, distinguished by their values",
        make: |d| each(|i| pair(d, &format!("d/a/{i}.png"), &format!("d/b/{i}.png"), i, 1)),
        written: &["images = \"a\"", "masks = \"b\"", "mask_values = \"indexed\""],
        said: &["10 samples"],
    },
    Shape {
        name: "grey levels",
        make: |d| {
            each(|i| {
                d.grey(&format!("d/images/{i}.png"), SIDE, image(i));
                d.grey(&format!("d/masks/{i}.png"), SIDE, |x, y| {
                    if !inside(x, y, i) {
                        0
                    } else if x > 14 {
                        255
                    } else {
                        128
                    }
                });
            });
        },
        written: &["[dataset.folders.levels]", "value_128 = [128]", "value_255 = [255]"],
        said: &["value_128", "value_255"],
    },
    Shape {
        name: "a mask for each class, colour",
        make: |d| {
            each(|i| {
                d.rgb(&format!("d/{i}.png"), SIDE, |x, y| [image(i)(x, y), 90, 40]);
                d.grey(&format!("d/{i}_disc.png"), SIDE, |x, y| mask(255)(x, y, i));
                d.grey(&format!("d/{i}_cup.png"), SIDE, |x, y| if inside(x, y, i) && x > 13 { 255 } else { 0 });
            });
            std::fs::create_dir(d.path("d/masks")).unwrap();
            for file in files(&d.path("d")).into_iter().filter(|f| f.to_string_lossy().contains('_')) {
                std::fs::rename(&file, d.path(&format!("d/masks/{}", file.file_name().unwrap().to_string_lossy()))).unwrap();
            }
        },
        written: &["[dataset.folders.class_masks]", "cup = \"masks/{name}_cup.*\"", "disc = \"masks/{name}_disc.*\""],
        said: &["colour", "a mask for each of the classes cup, disc"],
    },
    Shape {
        name: "raw data of nnU-Net",
        make: |d| {
            each(|i| pair(d, &format!("d/imagesTr/X_{i:03}_0000.png"), &format!("d/labelsTr/X_{i:03}.png"), i, 1));
            d.write("d/dataset.json", "{\"channel_names\": {\"0\": \"x\"}, \"labels\": {\"background\": 0, \"left lung\": 1}, \"file_ending\": \".png\"}");
        },
        written: &["images = \"imagesTr/{name}_0000.*\"", "masks = \"labelsTr\"", "classes = [\"left_lung\"]"],
        said: &["nnU-Net", "left_lung"],
    },
    Shape {
        name: "images without masks among the others",
        make: |d| {
            each(|i| pair(d, &format!("d/images/{i}.png"), &format!("d/masks/{i}.png"), i, 255));
            (COUNT..COUNT + 3).for_each(|i| d.grey(&format!("d/images/{i}.png"), SIDE, image(i)));
        },
        written: &["pairs = \"d.pairs.csv\""],
        said: &["3 file(s) have no partner and are skipped: images/10.png"],
    },
];

#[test]
fn folders_of_many_shapes_are_understood_and_run() {
    SHAPES.iter().for_each(understood);
}

fn understood(shape: &Shape) {
    let desk = Desk::default();
    (shape.make)(&desk);
    let said = desk.good(&["init", "d", "--minutes", "0.05"]);
    let written = desk.read("d.toml");
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in shape.written {
        assert!(written.contains(words), "{}: {words} in\n{written}", shape.name);
    }
    for words in shape.said {
        assert!(flat.contains(words), "{}: {words} in\n{said}", shape.name);
    }
    assert!((20..=45).contains(&written.lines().count()), "{}: {written}", shape.name);
    // As it is, but for the time that a test may take.
    desk.good(&["run", "d.toml", "--set", "training.epochs=1", "--set", "model.unet.channels=[4,8]"]);
    assert!(desk.metrics("d").contains("val_dice"), "{}", shape.name);
}

/// An image's object as the corners of a polygon.
fn corners(i: u32) -> [[u32; 2]; 4] {
    let (left, right, top, bottom) = (8 + i % 5, 22 + i % 7, 6 + i % 3, 24);
    [[left, top], [right, top], [right, bottom], [left, bottom]]
}

const ANNOTATED: [Shape; 6] = [
    Shape {
        name: "COCO",
        make: |d| {
            each(|i| d.grey(&format!("d/images/{i}.png"), SIDE, image(i)));
            let list = |one: fn(u32) -> String| (0..COUNT).map(one).collect::<Vec<_>>().join(", ");
            let images = list(|i| format!(r#"{{"id": {i}, "file_name": "{i}.png", "height": 32, "width": 32}}"#));
            let annotations = list(|i| {
                let flat: Vec<String> = corners(i).iter().flatten().map(u32::to_string).collect();
                let flat = flat.join(", ");
                format!(r#"{{"id": {i}, "image_id": {i}, "category_id": 3, "iscrowd": 0, "segmentation": [[{flat}]]}}"#)
            });
            let categories = r#"[{"id": 3, "name": "cell body"}]"#;
            let text = format!(r#"{{"images": [{images}], "annotations": [{annotations}], "categories": {categories}}}"#);
            d.write("d/annotations/instances.json", &text);
        },
        written: &["[dataset.coco]", "annotations = \"d/annotations/instances.json\""],
        said: &["COCO", "cell_body"],
    },
    Shape {
        name: "LabelMe",
        make: |d| {
            each(|i| {
                d.grey(&format!("d/{i}.png"), SIDE, image(i));
                let shape = format!(r#"{{"label": "cell", "points": {:?}, "shape_type": "polygon"}}"#, corners(i));
                let image = format!(r#""imagePath": "{i}.png", "imageHeight": 32, "imageWidth": 32"#);
                d.write(&format!("d/{i}.json"), &format!(r#"{{"shapes": [{shape}], {image}}}"#));
            });
        },
        written: &["[dataset.labelme]", "classes = [\"cell\"]"],
        said: &["LabelMe", "cell"],
    },
    Shape {
        name: "GeoJSON",
        make: |d| {
            each(|i| {
                let [a, b, c, e] = corners(i);
                d.grey(&format!("d/images/{i}.png"), SIDE, image(i));
                let geometry = format!(r#"{{"type": "Polygon", "coordinates": [{:?}]}}"#, [a, b, c, e, a]);
                let properties = r#"{"classification": {"name": "Tumor"}}"#;
                let feature = format!(r#"{{"type": "Feature", "geometry": {geometry}, "properties": {properties}}}"#);
                let all = format!(r#"{{"type": "FeatureCollection", "features": [{feature}]}}"#);
                d.write(&format!("d/annotations/{i}.geojson"), &all);
            });
        },
        written: &["[dataset.geojson]", "classes = [\"Tumor\"]"],
        said: &["GeoJSON", "Tumor"],
    },
    Shape {
        name: "coloured masks, 16 bits",
        make: |d| {
            each(|i| {
                let value = |x, y| image::Luma([u16::from(image(i)(x, y)) * 4]);
                let wide = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(32, 32, value);
                wide.save(d.path(&format!("d/images/{i}.tif"))).unwrap();
                d.rgb(&format!("d/masks/{i}.png"), SIDE, |x, y| if inside(x, y, i) { [255, 0, 0] } else { [0, 0, 0] });
            });
        },
        written: &["[dataset.folders.colours]", "colour_ff0000 = \"#ff0000\"", "intensity = \"percentiles\""],
        said: &["colour_ff0000"],
    },
    Shape {
        name: "volumes of NIfTI",
        make: |d| volumes(d, "nii", nifti),
        written: &["[dataset.volumes]", "masks = \"labels\""],
        said: &["15 samples", "volumes in images, labels"],
    },
    Shape {
        name: "TIFF files of several pages",
        make: |d| volumes(d, "tif", pages),
        written: &["[dataset.volumes]", "masks = \"labels\""],
        said: &["15 samples", "volumes in images, labels"],
    },
];

/// Five volumes of three slices with their labels.
fn volumes(desk: &Desk, extension: &str, file: impl Fn(&[u8]) -> Vec<u8>) {
    for i in 0..5 {
        let voxels = (0..3).flat_map(|z| (0..32).flat_map(move |y| (0..32).map(move |x| (x, y, 10 * i + z))));
        for folder in ["images", "labels"] {
            let value = |(x, y, z)| if folder == "images" { image(z)(x, y) } else { u8::from(inside(x, y, z)) };
            let values: Vec<u8> = voxels.clone().map(value).collect();
            std::fs::write(desk.path(&format!("d/{folder}/p{i}.{extension}")), file(&values)).unwrap();
        }
    }
}

/// A TIFF file of three pages of 32 × 32 bytes.
fn pages(values: &[u8]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    values.chunks(32 * 32).for_each(|page| encoder.write_image::<colortype::Gray8>(32, 32, page).unwrap());
    bytes.into_inner()
}

/// A NIfTI-1 file of 32 × 32 × 3 voxels of a byte.
fn nifti(values: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 352];
    header[..4].copy_from_slice(&348i32.to_le_bytes());
    for (at, size) in [3i16, 32, 32, 3, 1, 1, 1, 1].into_iter().enumerate() {
        header[40 + 2 * at..42 + 2 * at].copy_from_slice(&size.to_le_bytes());
    }
    header[70..72].copy_from_slice(&2i16.to_le_bytes());
    header[72..74].copy_from_slice(&8i16.to_le_bytes());
    for at in 0..8 {
        header[76 + 4 * at..80 + 4 * at].copy_from_slice(&1f32.to_le_bytes());
    }
    header[108..112].copy_from_slice(&352f32.to_le_bytes());
    header[344..348].copy_from_slice(b"n+1\0");
    header.extend(values);
    header
}

/// Each slice of a volume is predicted, by files and by folders of them.
#[test]
fn volumes_are_predicted_slice_by_slice() {
    let desk = Desk::default();
    volumes(&desk, "nii", nifti);
    desk.good(&["init", "d", "--minutes", "0.05"]);
    desk.good(&["run", "d.toml", "--set", "training.epochs=1", "--set", "model.unet.channels=[4,8]"]);
    desk.good(&["predict", "d", "d/images", "--out", "all"]);
    desk.good(&["predict", "d", "d/images/p3.nii", "--out", "one"]);
    let names = |folder: &str| -> Vec<String> {
        let png = files(&desk.path(folder)).into_iter().filter(|file| file.extension().is_some_and(|e| e == "png"));
        png.map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names("all").len(), 15, "{:?}", names("all"));
    assert_eq!(names("one").len(), 3, "{:?}", names("one"));
    assert!(names("one").iter().all(|name| name.starts_with("p3_s00")), "{:?}", names("one"));
    std::fs::write(desk.path("broken.nii"), b"no volume").unwrap();
    let (code, _, err) = desk.umlaut(&["predict", "d", "broken.nii", "--out", "none"]);
    assert!(code == Some(1) && err.contains("broken.nii"), "{err}");
}

#[test]
fn annotations_and_volumes_are_understood_and_run() {
    ANNOTATED.iter().for_each(understood);
}

#[test]
fn nothing_is_overwritten_and_what_cannot_be_is_said() {
    let desk = Desk::default();
    (SHAPES[0].make)(&desk);
    desk.good(&["init", "d", "--minutes", "0.05"]);
    let first = desk.read("d.toml");
    assert!(desk.mistake(&["init", "d"]).contains("d.toml is there already"));
    assert_eq!(desk.read("d.toml"), first);
    desk.good(&["init", "d", "--minutes", "0.05", "--out", "other.toml"]);
    let said = desk.good(&["init", "d", "--minutes", "0.0001", "--out", "hasty.toml"]);
    assert!(said.contains("the run takes longer than --minutes 0.0001"), "{said}");
    assert!(desk.mistake(&["init", "d", "--minutes", "0"]).contains("--minutes 0: a number above 0"));
    assert!(desk.mistake(&["init", "d", "--minimal", "--out", "m.toml"]).contains("--minimal"));
    assert!(desk.mistake(&["run", "d"]).contains("d is a folder; `umlaut init d` looks at it"));
    assert!(desk.mistake(&["data", "inspect", "d"]).contains("`umlaut init d`"));
}

#[test]
fn folders_that_nobody_understands_are_reported_with_what_would_help() {
    let desk = Desk::default();
    assert!(desk.mistake(&["init", "misspelt/d/"]).contains("there is no such folder"));
    assert!(!desk.path("x").with_file_name("misspelt").exists());
    std::fs::create_dir(desk.path("empty")).unwrap();
    assert!(desk.mistake(&["init", "empty"]).contains("holds no image that can be read"));
    each(|i| desk.grey(&format!("only/{i}.png"), SIDE, image(i)));
    assert!(desk.mistake(&["init", "only"]).contains("none of them looks like a mask"));
    each(|i| {
        desk.grey(&format!("apart/images/{i}.png"), SIDE, image(i));
        desk.grey(&format!("apart/masks/z{}.png", 90 - i), SIDE, |x, y| mask(255)(x, y, i));
    });
    assert!(desk.mistake(&["init", "apart"]).contains("no image has a mask of its own by name"));
    (0..3).for_each(|i| pair(&desk, &format!("few/images/{i}.png"), &format!("few/masks/{i}.png"), i, 255));
    assert!(desk.mistake(&["init", "few"]).contains("holds 3 sample(s); a first experiment needs 4"));
    each(|i| {
        desk.grey(&format!("grey/images/{i}.png"), SIDE, image(i));
        desk.grey(&format!("grey/masks/{i}.png"), SIDE, |x, y| (x * 8 + y) as u8);
    });
    assert!(desk.mistake(&["init", "grey"]).contains("from which no classes follow"));
    assert!(!desk.path("grey.toml").exists() && !desk.path("apart.toml").exists());
}

#[test]
fn a_file_gets_every_key_or_the_few_of_a_first_experiment() {
    let desk = Desk::default();
    desk.good(&["init", "all.toml"]);
    desk.good(&["init", "short.toml", "--minimal"]);
    assert!(desk.read("short.toml").contains("name = \"short\""));
    assert!(desk.read("short.toml").lines().count() < 45 && desk.read("all.toml").lines().count() > 300);
    desk.good(&["check", "all.toml", "short.toml"]);
}

/// The three steps, and what comes after: predictions by the experiment's name.
#[test]
fn the_best_run_of_an_experiment_predicts_by_its_name() {
    let desk = Desk::default();
    (SHAPES[1].make)(&desk);
    desk.good(&["init", "d", "--minutes", "0.05"]);
    let seeds = ["--set", "training.epochs=1", "--set", "model.unet.channels=[4,8]", "--set", "training.seeds=[1,2]"];
    let out = desk.good(&[&["run", "d.toml"], &seeds[..]].concat());
    assert!(out.contains("predict: umlaut predict d IMAGES --out predictions"), "{out}");
    let (code, _, err) = desk.umlaut(&["predict", "d", "d/scan_00.png", "--out", "one"]);
    assert!(code == Some(0) && err.contains("validation Dice") && err.contains("the best"), "{err}");
    let (code, _, err) = desk.umlaut(&["predict", "d", "d/scan_00.png", "--out", "both", "--ensemble"]);
    assert!(code == Some(0) && err.contains("ensemble: the mean of 2 runs"), "{err}");
    for words in [
        &["report", "d"][..],
        &["evaluate", "d", "d.toml"],
        &["compare", "d"],
        &["export", "tensorboard", "d"],
        &["status", "results"],
    ] {
        desk.good(words);
    }
    assert!(desk.mistake(&["predict", "gone", "d/scan_00.png", "--out", "x"]).contains("gone is no directory of runs"));
}
