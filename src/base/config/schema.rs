//! The JSON Schema of an experiment file, for editors and for the checks of this room.

use super::Experiment;
use super::training::MOST_SEEDS;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 7) of an experiment file: every key with its description, default and range, unknown keys refused,
/// a choice as a table with exactly one property.
pub fn json_schema() -> Value {
    let mut schema = resolved_schema();
    let seeds = &mut schema["properties"]["training"]["properties"]["seeds"];
    let list = seeds.as_object_mut().expect("it is a key of training");
    let about = ["description", "default"].map(|part| (part.to_owned(), list.remove(part).unwrap_or_default()));
    let count = json!({ "type": "integer", "minimum": 1, "maximum": MOST_SEEDS });
    *seeds = Value::Object(Map::from_iter(about.into_iter().chain([("anyOf".to_owned(), json!([list, count]))])));
    schema
}

/// The same without what is written shorter in a file than it is kept: a count of seeds stands for their list.
pub(super) fn resolved_schema() -> Value {
    let settings = SchemaSettings::draft07().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Experiment>().to_value();
    plain(&mut schema);
    schema["properties"]["extends"] = json!({
        "type": "string",
        "minLength": 1,
        "description": "Another experiment file to start from, relative to this one. Its tables merge with this file's key by \
                        key, a variant chosen here replaces the one chosen there; `name` and `description` are not taken over.",
    });
    schema
}

/// Shows choices as one table with exactly one property, and forgets `null`, which TOML does not have.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(plain);
            if map.get("type").is_some_and(Value::is_array) {
                let kept = map["type"].as_array().into_iter().flatten().find(|t| *t != "null").cloned();
                map.insert("type".into(), kept.expect("an option is of some type"));
            }
            if let Some(variants) = variants(map) {
                map.remove("oneOf");
                map.extend(choice(variants));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

/// The one property of each alternative, if every alternative is a table of one required property.
fn variants(map: &Map<String, Value>) -> Option<Map<String, Value>> {
    let one = |alternative: &Value| {
        let properties = alternative.get("properties")?.as_object().filter(|p| p.len() == 1)?;
        let (name, shape) = properties.iter().next()?;
        let mut shape = shape.clone();
        if let Some(description) = alternative.get("description") {
            shape["description"] = description.clone();
        }
        Some((name.clone(), shape))
    };
    map.get("oneOf")?.as_array()?.iter().map(one).collect()
}

fn choice(variants: Map<String, Value>) -> Map<String, Value> {
    let shape = json!({
        "type": "object",
        "properties": variants,
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
    });
    shape.as_object().expect("just made").clone()
}
