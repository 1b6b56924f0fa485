//! The JSON of COCO's "instances": images, their objects with outlines or run lengths, and the categories of these.

use super::runs::lengths;
use super::shape::{Shape, ring};
use serde::Deserialize;
use serde_json::Value;

/// A file, as much of it as counts here.
#[derive(Deserialize)]
pub(in crate::data) struct Instances {
    pub images: Vec<Image>,
    pub annotations: Vec<Annotation>,
    pub categories: Vec<Category>,
}

/// A number; some programs write text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub(in crate::data) enum Id {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
pub(in crate::data) struct Image {
    pub id: Id,
    pub file_name: String,
    pub height: usize,
    pub width: usize,
}

#[derive(Deserialize)]
pub(in crate::data) struct Annotation {
    pub id: Option<Id>,
    pub image_id: Id,
    pub category_id: Id,
    pub segmentation: Option<Segmentation>,
}

#[derive(Deserialize)]
pub(in crate::data) struct Category {
    pub id: Id,
    pub name: String,
}

/// Checked while it is read, so that little of the file is in memory twice.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
pub(in crate::data) struct Segmentation(pub Shape);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl TryFrom<Value> for Segmentation {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Array(parts) => polygons(parts).map(Self),
            Value::Object(_) => runs(value).map(Self),
            _ => Err("a segmentation is neither polygons nor a run-length code; write it again".into()),
        }
    }
}

fn polygons(parts: Vec<Value>) -> Result<Shape, String> {
    if parts.is_empty() {
        return Err("a segmentation is empty; outline its object, or take it out".into());
    }
    let part = |part: Value| -> Result<Vec<f64>, String> {
        let numbers: Vec<f64> = serde_json::from_value(part)
            .map_err(|e| format!("a segmentation has a part that is no list of numbers: {e}; write it again"))?;
        if !numbers.len().is_multiple_of(2) {
            return Err(format!("a segmentation has a polygon of {} numbers, which are no pairs; write it again", numbers.len()));
        }
        let corners = numbers.chunks_exact(2).map(|corner| [corner[0], corner[1]]).collect();
        ring(corners).map_err(|problem| format!("a segmentation {problem}"))?;
        Ok(numbers)
    };
    Ok(Shape::Upsampled(parts.into_iter().map(part).collect::<Result<_, _>>()?))
}

fn runs(value: Value) -> Result<Shape, String> {
    #[derive(Deserialize)]
    struct Runs {
        size: [usize; 2],
        counts: Counts,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Counts {
        Plain(Vec<u32>),
        Compressed(String),
    }
    let Runs { size, counts } =
        serde_json::from_value(value).map_err(|e| format!("a segmentation is no run-length code: {e}; write it again"))?;
    let counts = match counts {
        Counts::Plain(counts) => counts,
        Counts::Compressed(code) => lengths(&code).map_err(|problem| format!("a segmentation {problem}"))?,
    };
    Ok(Shape::Runs(size, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Shape, String> {
        serde_json::from_str::<Segmentation>(json).map(|segmentation| segmentation.0).map_err(|e| e.to_string())
    }

    #[test]
    fn polygons_and_run_lengths_are_read() {
        let polygon = vec![0.0, 0.0, 10.3, 0.0, 5.0, 5.0];
        assert_eq!(read("[[0, 0, 10.300000000000001, 0, 5, 5]]").unwrap(), Shape::Upsampled(vec![polygon]));
        assert_eq!(read(r#"{"size": [2, 3], "counts": [1, 2, 3]}"#).unwrap(), Shape::Runs([2, 3], vec![1, 2, 3]));
        assert_eq!(read(r#"{"counts": "123", "size": [2, 3]}"#).unwrap(), Shape::Runs([2, 3], vec![1, 2, 3]));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (json, problem) in [
            ("[]", "a segmentation is empty"),
            ("[[1, 2, 3, 4]]", "a polygon of 2 corner(s)"),
            ("[[1, 2, 3, 4, 5, 6, 7]]", "a polygon of 7 numbers"),
            ("[1, 2, 3, 4, 5, 6]", "a part that is no list of numbers"),
            ("[[1, 2, 3, 4, 5, 1e10]]", "in no image"),
            ("7", "neither polygons nor"),
            (r#"{"size": [2, 3], "counts": [1, -2]}"#, "no run-length code"),
            (r#"{"size": [2, 3], "counts": "\u0001"}"#, "that are no run-length code"),
            (r#"{"counts": [1]}"#, "missing field `size`"),
        ] {
            let refusal = read(json).unwrap_err();
            assert!(refusal.contains(problem), "{json}: {refusal}");
        }
    }
}
