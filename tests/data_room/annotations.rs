//! Layouts whose masks are drawn from outlines, and masks whose colours are classes.

use crate::tree::{Tree, names};
use serde_json::{Value, json};
use umlaut::config::{self, Fit};
use umlaut::data::{describe, fingerprint};

/// Three images of 4 · 6 pixels, an annotation of each of two categories, and a crowd.
fn coco(tree: &Tree) -> Value {
    for name in ["b", "sub/a", "c"] {
        tree.grey(&format!("images/{name}.png"), [4, 6], |y, x| (10 * y + x) as u8);
    }
    let image = |id: u64, file: &str| json!({"id": id, "file_name": file, "height": 4, "width": 6, "license": 1});
    json!({
        "info": {},
        "images": [image(7, "b.png"), image(3, "sub/a.png"), image(5, "c.png")],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 9, "iscrowd": 0, "bbox": [1, 1, 3, 2], "area": 6,
             "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]},
            {"id": 2, "image_id": 7, "category_id": 2, "iscrowd": 1, "segmentation": {"size": [4, 6], "counts": [0, 3, 21]}},
            {"id": 3, "image_id": 3, "category_id": 2, "iscrowd": 0, "segmentation": [[-3, -2, 2.5, 1.5, -1, 9], [4, -1, 9, 2, 4.1, 2.7]]},
        ],
        "categories": [{"id": 9, "name": "Immune cells"}, {"id": 2, "name": "nucleus", "supercategory": "cell"}]
    })
}

fn coco_config(tree: &Tree, document: &Value, keys: &str) -> config::Dataset {
    tree.write("instances.json", document.to_string().as_bytes());
    let (images, annotations) = (tree.path("images"), tree.path("instances.json"));
    tree.dataset("coco", &format!("images = {images:?}\nannotations = {annotations:?}\n{keys}"))
}

/// Planes as rows of text, each of so many columns.
fn rows(mask: &[u8], width: usize) -> Vec<String> {
    mask.chunks(width).map(|row| row.iter().map(|v| if *v == 1 { '#' } else { '.' }).collect()).collect()
}

/// Oracle: pycocotools 2.0.11, `decode(merge(frPyObjects(segmentation, 4, 6)))`.
#[test]
fn coco_draws_what_its_tools_draw() {
    let tree = Tree::new();
    let config = coco_config(&tree, &coco(&tree), "");
    let dataset = tree.open(&config, [4, 6], Fit::Pad).unwrap();
    assert_eq!((names(&dataset), dataset.channels), (vec!["b", "c", "sub/a"], 1));
    assert_eq!(dataset.classes, ["nucleus", "Immune_cells"], "by id");
    let [b, c, a] = [0, 1, 2].map(|sample| rows(&dataset.samples[sample].mask, 6));
    assert_eq!(b, ["#.....", "#.....", "#.....", "......", "......", ".###..", ".###..", "......"]);
    assert_eq!(c, ["......"; 8], "an image without annotations");
    assert_eq!(a, ["#...##", "###.##", "##..##", "##....", "......", "......", "......", "......"]);
    let chosen = coco_config(&tree, &coco(&tree), "classes = ['Immune_cells', 'nucleus']");
    assert_eq!(rows(&tree.open(&chosen, [4, 6], Fit::Pad).unwrap().samples[0].mask, 6)[1], ".###..");
    assert_eq!(describe(&chosen).unwrap().classes, ["Immune_cells", "nucleus"]);
}

#[test]
fn the_fingerprint_follows_the_annotations() {
    let tree = Tree::new();
    let mut document = coco(&tree);
    let print = |document: &Value, keys: &str| fingerprint(&coco_config(&tree, document, keys)).unwrap();
    let first = print(&document, "");
    assert_eq!(print(&document, "classes = ['nucleus', 'Immune_cells']"), first, "the same classes, written out");
    assert_ne!(print(&document, "classes = ['Immune_cells', 'nucleus']"), first);
    document["annotations"][0]["segmentation"][0][0] = json!(1.5);
    assert_ne!(print(&document, ""), first);
}

#[test]
fn coco_that_contradicts_itself_is_refused() {
    let tree = Tree::new();
    let document = coco(&tree);
    let message = |pointer: &str, value: Value, keys: &str| {
        let mut document = document.clone();
        *document.pointer_mut(pointer).unwrap() = value;
        tree.refusal(&coco_config(&tree, &document, keys))
    };
    let good = || json!(4);
    for (pointer, value, keys, problem) in [
        (
            "/images/0/height",
            good(),
            "classes = ['nucleus']",
            "objects of Immune_cells (\"Immune cells\", 1) are of none of the classes nucleus;",
        ),
        (
            "/images/0/height",
            good(),
            "classes = ['nucleus', 'wall', 'Immune_cells']",
            "no object is of the class wall; write classes = [\"nucleus\", \"Immune_cells\"]",
        ),
        ("/images/0/height", json!(5), "", "images/b.png: is 4 × 6 (height × width), its annotation in "),
        ("/images/0/file_name", json!("d.png"), "", "1 image(s) of "),
        ("/images/0/file_name", json!("../b.png"), "", "\"../b.png\" is no path below the folder of images"),
        ("/images/0/file_name", json!("c.png"), "", "c ("),
        ("/images/0/id", json!(3), "", "has two images with the id 3"),
        ("/images", json!([]), "", "lists no images"),
        ("/annotations/0/image_id", json!(8), "", "the annotation 1 is of the image 8, which is not in images"),
        ("/annotations/0/category_id", json!(8), "", "an annotation of the category 8, which is not in categories"),
        ("/annotations/0/segmentation", Value::Null, "", "the annotation 1 has no segmentation"),
        ("/annotations/0/segmentation", json!([]), "", "a segmentation is empty; outline its object, or take it out at line 1"),
        ("/annotations/1/segmentation/counts", json!([1, 2]), "", "object 2 has runs of 3 pixels in all, its image has 24"),
        ("/annotations/1/segmentation/size", json!([6, 4]), "", "object 2 is a run-length code of 6 × 4 pixels"),
        ("/categories/0/id", json!(2), "", "has two categories with the id 2"),
        ("/categories/0/name", json!("nucleus"), "", "has two categories of one name"),
        ("/categories/0/name", json!("loss"), "", "has a category \"loss\""),
        ("/categories", json!([]), "", "1 to 255 can be classes"),
        ("/annotations", json!(7), "", "is no JSON of COCO with outlines (\"instances\"): invalid type: integer `7`"),
    ] {
        let refusal = message(pointer, value, keys);
        assert!(refusal.contains(problem), "{pointer}: {refusal}");
    }
    std::fs::remove_file(tree.path("instances.json")).unwrap();
    let (images, absent) = (tree.path("images"), tree.path("instances.json"));
    let config = tree.dataset("coco", &format!("images = {images:?}\nannotations = {absent:?}"));
    assert!(tree.refusal(&config).contains("looked for this JSON file"));
}

fn labelme(tree: &Tree, name: &str, shapes: &Value) {
    tree.rgb(&format!("{name}.png"), [4, 6], |y, x| [y as u8, x as u8, 9]);
    let document = json!({"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": format!("{name}.png"),
        "imageData": null, "imageHeight": 4, "imageWidth": 6});
    tree.write(&format!("{name}.json"), document.to_string().as_bytes());
}

#[test]
fn labelme_is_drawn_by_centres() {
    let tree = Tree::new();
    let square = json!({"label": "a", "points": [[1, 1], [4, 1], [4, 3], [1, 3]], "shape_type": "polygon"});
    let rest = json!([square, {"label": "b", "points": [[5.4, 3.4], [0.6, 0.6]], "shape_type": "rectangle"},
        {"label": "b", "points": [[0, 0], [0, 1]], "shape_type": "circle"}]);
    labelme(&tree, "x", &rest);
    labelme(&tree, "y", &json!([]));
    let config = |classes: &str| tree.dataset("labelme", &format!("root = {:?}\nclasses = {classes}", tree.root()));
    let dataset = tree.open(&config("['a', 'b']"), [4, 6], Fit::Pad).unwrap();
    assert_eq!((names(&dataset), dataset.channels), (vec!["x", "y"], 3));
    let planes = rows(&dataset.samples[0].mask, 6);
    assert_eq!(planes, ["......", ".###..", ".###..", "......", "#.....", ".####.", ".####.", "......"]);
    assert_eq!(rows(&dataset.samples[1].mask, 6), ["......"; 8]);
    let strange = tree.refusal(&config("['a']"));
    assert!(strange.contains("objects of b (2) are of none of the classes a;"), "{strange}");
    assert!(tree.refusal(&config("['a', 'b', 'c']")).contains("no object is of the class c; write classes = [\"a\", \"b\"]"));
    tree.rgb("y.png", [6, 4], |_, _| [0; 3]);
    let size = tree.refusal(&config("['a', 'b']"));
    assert!(
        size.contains("y.png: is 6 × 4 (height × width), its annotation in ") && size.contains("y.json is of 4 × 6;"),
        "{size}"
    );
    std::fs::remove_file(tree.path("y.json")).unwrap();
    let alone = tree.refusal(&config("['a', 'b']"));
    assert!(alone.contains("1 image(s) without an annotation file in ") && alone.contains("y.png"), "{alone}");
    labelme(&tree, "y", &json!([{"label": "a", "points": [[7, 1], [9, 1], [9, 3]]}]));
    let outside = tree.refusal(&config("['a', 'b']"));
    assert!(outside.contains("y.json: object 1 lies outside of the image of 4 × 6 pixels"), "{outside}");
}

#[test]
fn geojson_has_holes_and_full_coordinates() {
    let tree = Tree::new();
    tree.grey("images/t/x.png", [4, 6], |_, x| x as u8);
    let ring = |x0: f64, y0: f64, x1: f64, y1: f64| json!([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]);
    let feature = |class: &str, coordinates: Value| {
        json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": coordinates},
            "properties": {"objectType": "annotation", "classification": {"name": class, "color": [1, 2, 3]}}})
    };
    let all = json!([
        feature("Tumor", json!([ring(0.0, 0.0, 4.0, 4.0), ring(1.0, 1.0, 3.0, 3.0)])),
        feature("Region*", json!([ring(3.0, -5.0, 50.0, 2.0)]))
    ]);
    tree.write("marks/t/x.geojson", all.to_string().as_bytes());
    let (images, marks) = (tree.path("images"), tree.path("marks"));
    let keys = format!("images = {images:?}\nannotations = {marks:?}\nclasses = ['Tumor', 'Region_']");
    let config = tree.dataset("geojson", &keys);
    let dataset = tree.open(&config, [4, 6], Fit::Pad).unwrap();
    assert_eq!(names(&dataset), ["t/x"]);
    let planes = rows(&dataset.samples[0].mask, 6);
    assert_eq!(planes, ["####..", "#..#..", "#..#..", "####..", "...###", "...###", "......", "......"]);
    tree.write("marks/t/y.geojson", b"[]");
    assert!(tree.refusal(&config).contains("1 annotation file(s) without an image: "));
    std::fs::remove_file(tree.path("marks/t/y.geojson")).unwrap();
    tree.write("marks/t/x.geojson", b"{\"type\": \"FeatureCollection\"}");
    assert!(tree.refusal(&config).contains("1 of 1 annotation files cannot be used:"));
}

#[test]
fn geojson_of_a_turned_image_is_refused() {
    let tree = Tree::new();
    let image = image::DynamicImage::ImageLuma8(image::GrayImage::from_pixel(8, 8, image::Luma([9])));
    tree.jpeg_turned("images/x.jpg", 3, &image);
    let all = json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 0]]]},
        "properties": {"classification": "a"}});
    tree.write("marks/x.json", all.to_string().as_bytes());
    let (images, marks) = (tree.path("images"), tree.path("marks"));
    let config = tree.dataset("geojson", &format!("images = {images:?}\nannotations = {marks:?}\nclasses = ['a']"));
    let refusal = tree.refusal(&config);
    assert!(refusal.contains("images/x.jpg: is turned by its orientation"), "{refusal}");
}

#[test]
fn colours_name_the_colour_of_each_class() {
    let tree = Tree::new();
    let colour = |x: u32| [[0, 0, 0], [255, 0, 0], [0, 255, 16], [255, 0, 0]][x as usize];
    tree.grey("images/a.png", [1, 4], |_, x| x as u8);
    tree.rgb("masks/a.png", [1, 4], |_, x| colour(x));
    let config = |keys: &str| tree.folders(&format!("classes = ['cup', 'rim']\ncolours = {{ {keys} }}"));
    let both = config("rim = '#ff0000', cup = '#00FF10', background = '#000000'");
    assert_eq!(tree.open(&both, [1, 4], Fit::Pad).unwrap().samples[0].mask, [0, 0, 1, 0, 0, 1, 0, 1]);
    let print = fingerprint(&both).unwrap();
    let black = config("rim = '#ff0000', cup = '#00ff10'");
    assert_eq!(tree.open(&black, [1, 4], Fit::Pad).unwrap().samples[0].mask, [0, 0, 1, 0, 0, 1, 0, 1]);
    assert_ne!(fingerprint(&config("rim = '#00ff10', cup = '#ff0000'")).unwrap(), print);
    let refusal = tree.refusal(&config("rim = '#ff0001', cup = '#00ff10'"));
    assert!(refusal.contains("masks/a.png: has the colour #ff0000 in 2 pixel(s), which belongs to no class"), "{refusal}");

    // 16 bits of the same colours; then of others.
    let deep = |green: u16| {
        let pixels: Vec<u16> = (0..4).flat_map(colour).map(|v| u16::from(v) * 257).collect();
        let pixels = pixels.into_iter().enumerate().map(|(i, v)| if i == 1 { green } else { v }).collect();
        let image: image::ImageBuffer<image::Rgb<u16>, Vec<u16>> = image::ImageBuffer::from_raw(4, 1, pixels).unwrap();
        image.save(tree.path("masks/a.png")).unwrap();
    };
    deep(0);
    assert_eq!(tree.open(&both, [1, 4], Fit::Pad).unwrap().samples[0].mask, [0, 0, 1, 0, 0, 1, 0, 1]);
    deep(256);
    assert!(tree.refusal(&both).contains("a pixel of [0, 256, 0] of 65535, which is no colour of 8 bits"));
    std::fs::remove_file(tree.path("masks/a.png")).unwrap();
    tree.rgb("masks/a.jpg", [1, 4], |_, x| colour(x));
    assert!(tree.refusal(&both).contains("masks/a.jpg: is a JPEG, which changes the colours of masks"));
}
