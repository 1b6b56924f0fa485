//! `umlaut data inspect` and `umlaut run` on images whose masks are outlines or colours.

use crate::{Desk, flat, row, scene};
use serde_json::{Value, json};
use std::fs;

const TRAINING: &str = "[preprocess]\nsize = [16, 16]\n[split.fractions]\ntrain = 0.5\nval = 0.25\ntest = 0.25\n[model.unet]\n\
    channels = [4, 8]\n[training]\nepochs = 1\nbatch_size = 4\nseeds = [1]\n";
const SIDE: u32 = 16;

/// Twelve images, of which `files` writes what belongs to each; where the square of an image begins goes by its number.
fn desk(dataset: &str, folder: &str, files: impl Fn(&Desk, u32)) -> Desk {
    let desk = Desk::with(&format!("name = 'x'\n{dataset}\n{TRAINING}"));
    for number in 0..12 {
        desk.grey(&format!("{folder}/i{number}.png"), [SIDE; 2], scene(f64::from(number), [SIDE; 2], 1.0));
        files(&desk, number);
    }
    desk
}

/// Corners of a square of 4 · 4 pixels.
fn square(number: u32) -> [[u32; 2]; 4] {
    let (from, to) = (number, number + 4);
    [[from, 2], [to, 2], [to, 6], [from, 6]]
}

fn write(desk: &Desk, name: &str, document: &Value) {
    fs::write(desk.path(name), document.to_string()).unwrap();
}

/// Every image has its 16 of 256 pixels marked, and a run of one epoch does well on them.
#[track_caller]
fn is_read_and_trained_on(desk: &Desk) {
    let out = desk.good(&["inspect", "x.toml"]);
    assert!(out.contains("12 samples, grey") && out.contains("classes: cell\n"), "{out}");
    assert_eq!(row(&out, "train"), ["train", "6", "16", "16", "6.2", "%", "0"], "{out}");
    let (code, out, err) = desk.umlaut(&["run", "x.toml", "--device", "cpu"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let runs = fs::read_dir(desk.path("results/x/runs")).unwrap();
    let metrics: Vec<String> = runs.map(|run| fs::read_to_string(run.unwrap().path().join("metrics.csv")).unwrap()).collect();
    assert!(metrics.len() == 1 && metrics[0].contains("val_dice") && metrics[0].lines().count() == 2, "{metrics:?}");
}

fn instances() -> Value {
    let image = |number: u32| json!({"id": number, "file_name": format!("i{number}.png"), "height": SIDE, "width": SIDE});
    let annotation = |number: u32| {
        let corners: Vec<u32> = square(number).concat();
        json!({"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "segmentation": [corners]})
    };
    let [images, annotations] = [(0..12).map(image).collect::<Vec<_>>(), (0..12).map(annotation).collect()];
    json!({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cell"}]})
}

const COCO: &str = "[dataset.coco]\nimages = 'images'\nannotations = 'instances.json'";

#[test]
fn coco() {
    let desk = desk(COCO, "images", |_, _| ());
    write(&desk, "instances.json", &instances());
    is_read_and_trained_on(&desk);
}

#[test]
fn what_coco_lacks_is_named_before_anything_begins() {
    let desk = desk(COCO, "images", |_, _| ());
    let message = |pointer: &str, value: Value| {
        let mut document = instances();
        *document.pointer_mut(pointer).unwrap() = value;
        write(&desk, "instances.json", &document);
        flat(&desk.mistake(&["inspect", "x.toml"]))
    };
    let file = message("/images/3/file_name", json!("j3.png"));
    assert!(file.contains("1 image(s) of instances.json are not in images: j3.png; the file_name of an image"), "{file}");
    let size = message("/images/3/width", json!(17));
    assert!(
        size.contains("images/i3.png: is 16 × 16 (height × width), its annotation in instances.json is of 16 × 17"),
        "{size}"
    );
    let mut document = instances();
    document["categories"] = json!([{"id": 1, "name": "cell"}, {"id": 2, "name": "wall"}]);
    document["annotations"][0]["category_id"] = json!(2);
    write(&desk, "instances.json", &document);
    let toml = fs::read_to_string(desk.path("x.toml")).unwrap();
    fs::write(desk.path("x.toml"), toml.replace("instances.json'", "instances.json'\nclasses = ['cell']")).unwrap();
    let class = flat(&desk.mistake(&["inspect", "x.toml"]));
    assert!(
        class.contains("instances.json: objects of wall (1) are of none of the classes cell; name each in `classes`"),
        "{class}"
    );
    // An outline that leaves the image is cut off.
    let mut document = instances();
    document["annotations"][0]["segmentation"] = json!([[-100, 2, 4, 2, 4, 6, -100, 6]]);
    write(&desk, "instances.json", &document);
    assert_eq!(row(&desk.good(&["inspect", "x.toml"]), "train")[4], "6.2");
}

#[test]
fn labelme() {
    let desk = desk("[dataset.labelme]\nroot = 'both'\nclasses = ['cell']", "both", |desk, number| {
        let shape = json!({"label": "cell", "points": square(number), "group_id": null, "shape_type": "polygon", "flags": {}});
        let document = json!({"version": "5.4.1", "flags": {}, "shapes": [shape], "imagePath": format!("i{number}.png"),
            "imageData": null, "imageHeight": SIDE, "imageWidth": SIDE});
        write(desk, &format!("both/i{number}.json"), &document);
    });
    is_read_and_trained_on(&desk);
}

#[test]
fn geojson() {
    let dataset = "[dataset.geojson]\nimages = 'images'\nannotations = 'marks'\nclasses = ['cell']";
    let desk = desk(dataset, "images", |desk, number| {
        let mut ring = square(number).to_vec();
        ring.push(ring[0]);
        let feature = json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"objectType": "annotation", "classification": {"name": "cell", "color": [200, 0, 0]}}});
        write(desk, &format!("marks/i{number}.geojson"), &json!({"type": "FeatureCollection", "features": [feature]}));
    });
    is_read_and_trained_on(&desk);
}

#[test]
fn colours() {
    let dataset = "[dataset.folders]\nroot = '.'\nclasses = ['cell']\ncolours = { cell = '#ff0000', background = '#0000ff' }";
    let desk = desk(dataset, "images", |desk, number| {
        let inside = |y, x| (number..number + 4).contains(&x) && (2..6).contains(&y);
        desk.rgb(&format!("masks/i{number}.png"), [SIDE; 2], |y, x| if inside(y, x) { [255, 0, 0] } else { [0, 0, 255] });
    });
    is_read_and_trained_on(&desk);
}
