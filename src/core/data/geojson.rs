//! The layout `geojson`: a folder of images, and a folder of GeoJSON as QuPath exports it, paired by stem.
//!
//! Polygons are drawn by their pixels' centres, in pixels of the full image. Of a cell the outline counts, not that of its nucleus.

use super::annotation::{self, Marked, Object, Ring, Shape};
use super::error::Error;
use super::files;
use super::layout::{Decoded, Entry, Layout, channels};
use crate::config::{self, ChannelAxis};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Listed, paired, and the annotations read.
pub(super) struct Geojson {
    config: config::Geojson,
    entries: Vec<Entry>,
    marked: BTreeMap<String, Marked>,
}

#[derive(Deserialize)]
struct Feature {
    geometry: Geometry,
    properties: Option<Properties>,
}

#[derive(Deserialize)]
struct Geometry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    coordinates: Value,
    plane: Option<Plane>,
}

/// Where in a volume or a series QuPath has it; of the image's channel nothing depends.
#[derive(Deserialize)]
struct Plane {
    #[serde(default)]
    z: i64,
    #[serde(default)]
    t: i64,
}

#[derive(Deserialize)]
struct Properties {
    classification: Option<Classification>,
}

/// A class of QuPath: of what kind its object is, or what it is and what it is besides.
#[derive(Deserialize)]
#[serde(untagged)]
enum Classification {
    /// As some scripts write it.
    Name(String),
    /// Versions from 0.4 on, if it has several parts.
    Names { names: Vec<String> },
    /// Any version.
    Named {
        name: String,
        /// Versions before 0.4.
        #[serde(rename = "parentClass")]
        parent: Option<Box<Classification>>,
    },
}

impl Classification {
    /// As QuPath shows it: `Tumor: Positive`.
    fn shown(&self) -> String {
        match self {
            Self::Name(name) | Self::Named { name, parent: None } => name.clone(),
            Self::Named { name, parent: Some(parent) } => format!("{}: {name}", parent.shown()),
            Self::Names { names } => names.join(": "),
        }
    }
}

impl Geojson {
    /// Lists both folders and reads all annotations.
    ///
    /// # Errors
    /// If one is missing, an image or an annotation is alone, a file is no annotation, or labels and classes do not fit.
    pub fn new(config: &config::Geojson) -> Result<Self, Error> {
        let documents = files::documents(&config.annotations, &["geojson", "json"])?;
        let entries = annotation::pairs(&files::pictures(&config.images, None)?, &documents, &config.annotations)?;
        let marked = annotation::per_image(&entries, &config.classes, &config.annotations, read)?;
        Ok(Self { config: config.clone(), entries, marked })
    }
}

fn read(path: &Path) -> Result<Marked<String>, String> {
    let amiss = |problem: String| format!("is no GeoJSON of objects: {problem}; export it from QuPath again");
    let features = match annotation::json(path).map_err(amiss)? {
        Value::Array(features) => features,
        Value::Object(mut one) => match one.get("type").and_then(Value::as_str) {
            Some("FeatureCollection") => match one.remove("features") {
                Some(Value::Array(features)) => features,
                _ => return Err(amiss("its features are no list".into())),
            },
            Some("Feature") => vec![Value::Object(one)],
            other => {
                let other = other.unwrap_or("not said");
                return Err(amiss(format!("its type is {other}, neither FeatureCollection nor Feature")));
            }
        },
        _ => return Err(amiss("it holds neither an object nor a list of objects".into())),
    };
    let numbered = features.into_iter().enumerate();
    let objects = numbered.map(|(index, feature)| object(feature).map_err(|problem| format!("object {} {problem}", index + 1)));
    Ok(Marked { size: None, objects: objects.collect::<Result<_, _>>()? })
}

fn object(feature: Value) -> Result<Object<String>, String> {
    if feature.get("type").and_then(Value::as_str) != Some("Feature") {
        return Err("is no Feature; export it from QuPath again".into());
    }
    let Feature { geometry, properties } =
        serde_json::from_value(feature).map_err(|e| format!("is not understood: {e}; export it from QuPath again"))?;
    let class = properties.and_then(|properties| properties.classification);
    let class = class.ok_or("has no class; set it in QuPath, or take the object out")?.shown();
    if let Some(Plane { z, t }) = geometry.plane
        && (z, t) != (0, 0)
    {
        return Err(format!("lies in the plane z {z}, t {t}, but images have one plane; export each plane by itself"));
    }
    let rings = |value: Value| -> Result<Vec<Vec<Vec<Vec<f64>>>>, serde_json::Error> { serde_json::from_value(value) };
    let polygons = match geometry.kind.as_str() {
        "Polygon" => rings(Value::Array(vec![geometry.coordinates])),
        "MultiPolygon" => rings(geometry.coordinates),
        other => return Err(format!("is a {other}; Polygon and MultiPolygon are read: draw it as one, or take it out")),
    };
    let polygons = polygons.map_err(|e| format!("has no corners that are understood: {e}; export it from QuPath again"))?;
    if polygons.is_empty() || polygons.iter().any(Vec::is_empty) {
        return Err("has no corners; draw it again, or take it out".into());
    }
    let polygon = |rings: Vec<Vec<Vec<f64>>>| rings.into_iter().map(ring).collect::<Result<Vec<Ring>, String>>();
    Ok(Object { class, shape: Shape::Polygons(polygons.into_iter().map(polygon).collect::<Result<_, _>>()?) })
}

/// A ring, whose last corner is its first.
fn ring(corners: Vec<Vec<f64>>) -> Result<Ring, String> {
    let corner = |corner: Vec<f64>| match corner[..] {
        // What is above or below the plane counts for nothing.
        [x, y] | [x, y, _] => Ok([x, y]),
        _ => Err(format!("has a corner of {} numbers, which needs x and y; export it from QuPath again", corner.len())),
    };
    let mut corners: Ring = corners.into_iter().map(corner).collect::<Result<_, _>>()?;
    if corners.len() > 1 && corners.first() == corners.last() {
        corners.pop();
    }
    annotation::ring(corners)
}

impl Layout for Geojson {
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
        let config::Geojson { images: _, annotations: _, classes, colour: _ } = &self.config;
        format!("geojson, classes {classes:?}")
    }

    fn decode(&self, entry: &Entry, channels: usize) -> Result<Decoded, String> {
        let image = annotation::image(entry, None, self.config.colour, channels, &self.entries[0])?;
        if image.turned {
            return Err(format!(
                "{}: is turned by its orientation, and QuPath does not say whether its annotation is too; save it as it is shown",
                entry.files[0].display()
            ));
        }
        let mask = annotation::planes(&self.marked[&entry.name].objects, self.config.classes.len(), image.size);
        Ok(Decoded { image, mask: mask.map_err(|problem| format!("{}: {problem}", entry.files[1].display()))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_json(json: &str) -> Result<Marked<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.geojson");
        std::fs::write(&path, json).unwrap();
        read(&path)
    }

    fn feature(geometry: &str, classification: &str) -> String {
        format!(
            r#"{{"type": "Feature", "id": "1", "geometry": {geometry}, "properties": {{"objectType": "annotation", "classification": {classification}}}}}"#
        )
    }

    const TRIANGLE: &str =
        r#"{"type": "Polygon", "coordinates": [[[0, 0], [1.5, 0], [1, 2], [0, 0]]], "plane": {"c": -1, "z": 0, "t": 0}}"#;

    #[test]
    fn a_collection_a_list_and_one_object_are_read_alike() {
        let one = feature(TRIANGLE, r#"{"name": "a", "color": [1, 2, 3]}"#);
        let shape = Shape::Polygons(vec![vec![vec![[0.0, 0.0], [1.5, 0.0], [1.0, 2.0]]]]);
        let expected = Marked { size: None, objects: vec![Object { class: "a".to_owned(), shape }] };
        let collection = format!(r#"{{"type": "FeatureCollection", "features": [{one}]}}"#);
        for file in [&one, &format!("[{one}]"), &collection, &format!("\u{feff}{collection}")] {
            assert_eq!(of_json(file).unwrap(), expected, "{file}");
        }
    }

    #[test]
    fn classes_are_called_as_qupath_shows_them() {
        for (classification, name) in [
            ("\"a\"", "a"),
            (r#"{"name": "a", "colorRGB": -65536}"#, "a"),
            (r#"{"names": ["a", "b"], "color": [1, 2, 3]}"#, "a: b"),
            (r#"{"name": "b", "parentClass": {"name": "a", "colorRGB": 1}, "colorRGB": 2}"#, "a: b"),
        ] {
            assert_eq!(of_json(&feature(TRIANGLE, classification)).unwrap().objects[0].class, name);
        }
    }

    #[test]
    fn several_polygons_may_have_holes() {
        let square = |at: usize, to: usize| format!("[[{at}, {at}], [{to}, {at}, 7], [{to}, {to}], [{at}, {to}], [{at}, {at}]]");
        let coordinates = format!("[[{}, {}], [{}]]", square(0, 4), square(1, 3), square(5, 6));
        let geometry = format!(r#"{{"coordinates": {coordinates}, "type": "MultiPolygon"}}"#);
        let marked = of_json(&feature(&geometry, "\"a\"")).unwrap();
        let ring = |at: f64, to: f64| vec![[at, at], [to, at], [to, to], [at, to]];
        let polygons = vec![vec![ring(0.0, 4.0), ring(1.0, 3.0)], vec![ring(5.0, 6.0)]];
        assert_eq!(marked.objects[0].shape, Shape::Polygons(polygons));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let class = r#"{"name": "a"}"#;
        for (file, problem) in [
            (feature(r#"{"type": "Point", "coordinates": [1, 2]}"#, class), "object 1 is a Point; Polygon and MultiPolygon"),
            (feature(TRIANGLE, "null"), "object 1 has no class; set it in QuPath"),
            (feature(TRIANGLE, "{}"), "object 1 is not understood: "),
            (feature(&TRIANGLE.replace("\"z\": 0", "\"z\": 3"), class), "lies in the plane z 3, t 0"),
            (feature(r#"{"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [1, 2]]]}"#, class), "a polygon of 2 corner(s)"),
            (feature(r#"{"type": "Polygon", "coordinates": [[[1], [3, 4], [1, 2]]]}"#, class), "a corner of 1 numbers"),
            (feature(r#"{"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}"#, class), "no corners that are understood"),
            (feature(r#"{"type": "Polygon", "coordinates": []}"#, class), "has no corners; draw"),
            (feature(r#"{"type": "MultiPolygon"}"#, class), "no corners that are understood"),
            (feature("null", class), "object 1 is not understood: "),
            ("[1]".into(), "object 1 is no Feature"),
            (r#"{"type": "Topology"}"#.into(), "its type is Topology"),
            (r#"{"type": "FeatureCollection"}"#.into(), "its features are no list"),
            ("7".into(), "neither an object nor a list"),
            ("{".into(), "EOF while parsing"),
        ] {
            let refusal = of_json(&file).unwrap_err();
            assert!(refusal.contains(problem), "{file}: {refusal}");
        }
    }
}
