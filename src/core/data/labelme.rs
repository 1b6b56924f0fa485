//! The layout `labelme`: images, and beside each a file of LabelMe with the same stem.
//!
//! Polygons and rectangles are drawn by their pixels' centres, circles likewise. An image is meant as its orientation shows it: so LabelMe shows it.

use super::annotation::{self, Marked, Object, Shape};
use super::error::Error;
use super::files;
use super::layout::{Decoded, Entry, Layout, channels};
use crate::config::{self, ChannelAxis};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Listed, paired, and the annotations read.
pub(super) struct Labelme {
    config: config::Labelme,
    entries: Vec<Entry>,
    marked: BTreeMap<String, Marked>,
}

/// As much of a file as counts here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    shapes: Vec<Outlined>,
    image_path: String,
    image_height: usize,
    image_width: usize,
}

#[derive(Deserialize)]
struct Outlined {
    label: String,
    points: Vec<[f64; 2]>,
    shape_type: Option<String>,
}

impl Labelme {
    /// Lists the folder and reads all annotations.
    ///
    /// # Errors
    /// If it is missing or empty, an image or an annotation is alone, a file is no annotation, or labels and classes do not fit.
    pub fn new(config: &config::Labelme) -> Result<Self, Error> {
        let root = &config.root;
        let entries = annotation::pairs(&files::pictures(root, None)?, &files::documents(root, &["json"])?, root)?;
        let marked = annotation::per_image(&entries, &config.classes, root, read)?;
        Ok(Self { config: config.clone(), entries, marked })
    }
}

fn read(path: &Path) -> Result<Marked<String>, String> {
    let document: Document =
        annotation::json(path).map_err(|problem| format!("is no annotation of LabelMe: {problem}; save it there again"))?;
    // It may have been written on Windows.
    let file = document.image_path.rsplit(['/', '\\']).next().unwrap_or_default();
    let own = path.file_stem().unwrap_or_default();
    if Path::new(file).file_stem().unwrap_or_default() != own {
        return Err(format!(
            "annotates the image {file:?} (imagePath), but its name is that of another; rename it, or mend imagePath"
        ));
    }
    let object = |(index, outlined): (usize, Outlined)| -> Result<Object<String>, String> {
        let shape = shape(&outlined).map_err(|problem| format!("object {} ({:?}) {problem}", index + 1, outlined.label))?;
        Ok(Object { class: outlined.label, shape })
    };
    let objects = document.shapes.into_iter().enumerate().map(object).collect::<Result<_, _>>()?;
    Ok(Marked { size: Some([document.image_height, document.image_width]), objects })
}

fn shape(outlined: &Outlined) -> Result<Shape, String> {
    // Old files do not say it: polygons were all there was.
    let kind = outlined.shape_type.as_deref().unwrap_or("polygon");
    let two = || match outlined.points[..] {
        [a, b] => Ok([a, b]),
        _ => Err(format!("is a {kind} of {} points, which needs 2; draw it again", outlined.points.len())),
    };
    let corners = match kind {
        "polygon" => outlined.points.clone(),
        "rectangle" => {
            let [[x0, y0], [x1, y1]] = two()?;
            vec![[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
        }
        "circle" => {
            let [centre, rim] = two()?;
            annotation::ring(vec![centre, rim, rim])?;
            return Ok(Shape::Circle(centre, (rim[0] - centre[0]).hypot(rim[1] - centre[1])));
        }
        _ => return Err(format!("is a {kind}; polygon, rectangle and circle are read: draw it as a polygon")),
    };
    Ok(Shape::Polygons(vec![vec![annotation::ring(corners)?]]))
}

impl Layout for Labelme {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        self.config.classes.clone()
    }

    fn channels(&self) -> Result<usize, Error> {
        channels(self.config.colour, ChannelAxis::Auto, &self.entries)
    }

    fn options(&self) -> String {
        let config::Labelme { root: _, classes, colour: _ } = &self.config;
        format!("labelme, classes {classes:?}")
    }

    fn decode(&self, entry: &Entry, channels: usize) -> Result<Decoded, String> {
        let marked = &self.marked[&entry.name];
        let image = annotation::image(entry, marked.size, self.config.colour, channels, &self.entries[0])?;
        let mask = annotation::planes(&marked.objects, self.config.classes.len(), image.size);
        Ok(Decoded { image, mask: mask.map_err(|problem| format!("{}: {problem}", entry.files[1].display()))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_json(json: &str) -> Result<Marked<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::fs::write(&path, json).unwrap();
        read(&path)
    }

    fn document(shapes: &str) -> String {
        format!(
            r#"{{"version": "5.4.1", "flags": {{}}, "shapes": [{shapes}], "imagePath": "..\\images\\a.jpg", "imageData": "iVBO",
            "imageHeight": 4, "imageWidth": 5}}"#
        )
    }

    #[test]
    fn shapes_are_read() {
        let polygon =
            r#"{"label": "a", "points": [[0, 0], [1.5, 0], [1, 2]], "group_id": null, "shape_type": "polygon", "flags": {}}"#;
        let old = polygon.replace(r#""shape_type": "polygon", "#, "");
        let rectangle = r#"{"label": "b", "points": [[3, 2], [1, 0.5]], "shape_type": "rectangle"}"#;
        let circle = r#"{"label": "b", "points": [[3, 2], [6, 6]], "shape_type": "circle"}"#;
        let marked = of_json(&document(&[polygon, &old, rectangle, circle].join(","))).unwrap();
        assert_eq!(marked.size, Some([4, 5]));
        let ring = Shape::Polygons(vec![vec![vec![[0.0, 0.0], [1.5, 0.0], [1.0, 2.0]]]]);
        assert_eq!([&marked.objects[0].shape, &marked.objects[1].shape], [&ring, &ring]);
        let corners = vec![[3.0, 2.0], [1.0, 2.0], [1.0, 0.5], [3.0, 0.5]];
        assert_eq!(marked.objects[2], Object { class: "b".into(), shape: Shape::Polygons(vec![vec![corners]]) });
        assert_eq!(marked.objects[3].shape, Shape::Circle([3.0, 2.0], 5.0));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (shapes, problem) in [
            (
                r#"{"label": "a", "points": [[0, 0], [1, 1]], "shape_type": "line"}"#,
                "object 1 (\"a\") is a line; polygon, rectangle",
            ),
            (r#"{"label": "a", "points": [[0, 0], [1, 1]]}"#, "a polygon of 2 corner(s)"),
            (r#"{"label": "a", "points": [[0, 0]], "shape_type": "circle"}"#, "a circle of 1 points, which needs 2"),
            (r#"{"label": "a", "points": [[0, 0], [1e9, 1]], "shape_type": "circle"}"#, "in no image"),
            (r#"{"label": "a", "points": [[0, 0, 0]]}"#, "is no annotation of LabelMe: "),
            (r#"{"points": [[0, 0]]}"#, "missing field `label` at line 1"),
        ] {
            let refusal = of_json(&document(shapes)).unwrap_err();
            assert!(refusal.contains(problem), "{refusal}");
        }
        assert!(of_json("{}").unwrap_err().contains("missing field `shapes`"));
        let other = of_json(&document("").replace("a.jpg", "b.jpg")).unwrap_err();
        assert!(other.starts_with("annotates the image \"b.jpg\" (imagePath)"), "{other}");
        assert!(of_json(&document("").replace("\"imageHeight\": 4", "\"imageHeight\": null")).is_err());
    }
}
