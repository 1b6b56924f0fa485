//! The template holds every key with its default, and so does the JSON Schema.

use serde_json::Value;
use std::collections::BTreeSet;
use umlaut::config::{self, Experiment, json_schema, load_str, template};

/// A commented key or table: `#` and no space. `#:` is for editors.
fn uncommented(line: &str) -> Option<&str> {
    line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with([' ', ':']))
}

/// The template as blocks: a table's header and its keys, live or not, without words.
fn blocks() -> Vec<(bool, String, Vec<String>)> {
    let mut blocks = vec![(true, String::new(), Vec::new())];
    for line in template("experiment").lines() {
        let (live, code) = match uncommented(line) {
            Some(code) => (false, code),
            None if line.starts_with('#') || line.is_empty() => continue,
            None => (true, line),
        };
        match code.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((header, _)) => blocks.push((live, header.trim_start_matches('[').to_owned(), Vec::new())),
            None => blocks.last_mut().unwrap().2.push(code.to_owned()),
        }
    }
    blocks
}

/// Tables whose keys are not those of a struct: dotted paths of the file, or names of classes.
const MAPS: [&str; 12] = [
    "sweep.grid",
    "sweep.zip",
    "sweep.points",
    "sweep.random.draw",
    "sweep.when",
    "sweep.exclude",
    "search.draw",
    "search.when",
    "search.exclude",
    "dataset.folders.levels",
    "dataset.folders.colours",
    "dataset.folders.class_masks",
];

fn key(line: &str) -> &str {
    line.split('=').next().unwrap().trim()
}

/// Schema of the table at a dotted path.
fn table_schema(path: &str) -> Value {
    path.split('.').filter(|part| !part.is_empty()).fold(json_schema(), |schema, part| schema["properties"][part].clone())
}

fn is_choice(schema: &Value) -> bool {
    schema.get("maxProperties").is_some()
}

/// Every dotted key that is no table, and every table without keys.
fn leaves(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    match schema["properties"].as_object() {
        Some(properties) if !properties.is_empty() => {
            for (name, below) in properties {
                leaves(below, &format!("{path}.{name}"), found);
            }
        }
        _ => {
            found.insert(path.trim_start_matches('.').to_owned());
        }
    }
}

fn parse(text: &str) -> Experiment {
    load_str("test.toml", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

#[test]
fn the_template_is_the_defaults() {
    assert_eq!(parse(&template("experiment")), parse("name = 'experiment'"));
}

#[test]
fn the_template_writes_every_default_out() {
    let written: toml::Value = toml::Value::Table(template("experiment").parse().unwrap());
    let mut defaults: toml::Table = parse("name = 'experiment'").to_toml().parse().unwrap();
    defaults.remove("sweep");
    missing(&written, &toml::Value::Table(defaults), "");
}

/// A resolved experiment leaves out some keys that stand at their defaults; all that it has must be written.
fn missing(written: &toml::Value, default: &toml::Value, path: &str) {
    match default {
        toml::Value::Table(below) => below.iter().for_each(|(key, value)| match written.get(key) {
            Some(written) => missing(written, value, &format!("{path}.{key}")),
            None => panic!("{path}.{key} is not in the template"),
        }),
        value => assert_eq!(written, value, "{path}"),
    }
}

#[test]
fn every_key_of_the_schema_is_in_the_template() {
    let mut known = BTreeSet::new();
    leaves(&json_schema(), "", &mut known);
    let mut written = BTreeSet::new();
    for (_, header, lines) in blocks() {
        let of_any_keys = MAPS.into_iter().find(|map| header.starts_with(map));
        if lines.is_empty() || of_any_keys.is_some() {
            written.insert(of_any_keys.unwrap_or(&header).to_owned());
        }
        if of_any_keys.is_none() {
            written.extend(lines.iter().map(|line| format!("{header}.{}", key(line)).trim_start_matches('.').to_owned()));
        }
    }
    assert_eq!(written, known);
}

#[test]
fn each_commented_choice_is_good_and_shows_its_defaults() {
    let mut tried = 0;
    for (live, header, lines) in blocks() {
        let Some((choice, _)) = header
            .split_once('.')
            .filter(|_| !live && !MAPS.contains(&header.as_str()) && is_choice(&table_schema(header.split('.').next().unwrap())))
        else {
            continue;
        };
        let schema = table_schema(&header);
        let required = |line: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == key(line)));
        let optional = |line: &str| !required(line) && schema["properties"][key(line)].get("default").is_none();
        let write = |lines: Vec<&String>| {
            let lines: Vec<&str> = lines.into_iter().map(String::as_str).collect();
            // the official split needs a data set with official parts
            let data = if header == "split.official" { "[dataset.drishti_gs]\nroot = 'x'\n" } else { "" };
            format!("name = 'x'\n{data}[{header}]\n{}", lines.join("\n"))
        };
        parse(&write(lines.iter().collect()));
        let shown = parse(&write(lines.iter().filter(|line| !optional(line)).collect()));
        let default = parse(&write(lines.iter().filter(|line| required(line)).collect()));
        assert_eq!(shown, default, "[{header}]");
        assert!(blocks().iter().any(|(live, other, _)| *live && other.starts_with(&format!("{choice}."))), "{choice}");
        tried += 1;
    }
    assert_eq!(tried, 10 + 3 + 2 + 2 + 7, "variants that are not the default");
}

#[test]
fn every_commented_line_can_be_uncommented() {
    for line in template("experiment").lines().filter_map(uncommented) {
        assert!(line.parse::<toml::Table>().is_ok(), "{line}");
    }
    let (fixed, sweep) = template("x").split_once("# What is varied").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (sweep, search) = sweep.split_once("# What is searched").expect("the search comes last");
    let written = |part: &str| {
        let lines: Vec<&str> = part.lines().skip(1).map(|line| uncommented(line).unwrap_or(line)).collect();
        parse(&(fixed.clone() + &lines.join("\n")))
    };
    let searched = written(search).search.expect("a search");
    assert_eq!((searched.draw.len(), searched.when.len(), searched.exclude.len(), searched.confirm.top), (4, 1, 1, Some(8)));
    let varied = written(sweep);
    assert_eq!((varied.sweep.grid.len(), varied.sweep.keys().len()), (3, 8));
    // 2 widths × 3 (batch norm, two groups of group norm) × 2 pairs × 1 point × 20 trials; one width in one pair is excluded.
    let points = varied.points();
    let left_out = points.iter().filter(|point| point.left_out.is_some()).count();
    assert_eq!([points.len(), left_out], [240, 60]);
    let clipped = template("x").replace("#clip_norm", "clip_norm");
    assert_eq!(parse(&clipped).training.clip_norm, Some(1.0));
}

#[test]
fn the_template_takes_its_files_name() {
    assert_eq!(parse(&template("deep")).name, "deep");
    assert_eq!(parse(&template("retina, deep net")).name, "retina--deep-net");
    assert_eq!(parse(&template("..")).name, "experiment");
}

/// Follows as much of JSON Schema as the schema uses.
fn accepts(schema: &Value, value: &Value) -> Result<(), String> {
    let no = |why: &str| Err(format!("{value}: {why} in {schema}"));
    for (word, operand) in schema.as_object().into_iter().flatten() {
        let good = match word.as_str() {
            "type" => match operand.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64(),
                "number" => value.is_number(),
                "boolean" => value.is_boolean(),
                _ => false,
            },
            "minimum" => value.as_f64() >= operand.as_f64(),
            "maximum" => value.as_f64() <= operand.as_f64(),
            "exclusiveMinimum" => value.as_f64() > operand.as_f64(),
            "exclusiveMaximum" => value.as_f64() < operand.as_f64(),
            "minItems" => value.as_array().unwrap().len() as u64 >= operand.as_u64().unwrap(),
            "maxItems" => value.as_array().unwrap().len() as u64 <= operand.as_u64().unwrap(),
            "minProperties" => value.as_object().unwrap().len() as u64 >= operand.as_u64().unwrap(),
            "maxProperties" => value.as_object().unwrap().len() as u64 <= operand.as_u64().unwrap(),
            "minLength" => value.as_str().unwrap().len() as u64 >= operand.as_u64().unwrap(),
            "pattern" => regex::Regex::new(operand.as_str().unwrap()).unwrap().is_match(value.as_str().unwrap()),
            "required" => operand.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
            "anyOf" => operand.as_array().unwrap().iter().any(|one| accepts(one, value).is_ok()),
            "oneOf" => operand.as_array().unwrap().iter().filter(|one| accepts(one, value).is_ok()).count() == 1,
            "const" => value == operand,
            "items" => value.as_array().unwrap().iter().all(|item| accepts(operand, item).is_ok()),
            "uniqueItems" | "additionalProperties" | "properties" => true,
            "$schema" | "title" | "description" | "default" | "format" => true,
            unknown => panic!("{unknown} is new in the schema: teach the test"),
        };
        if !good {
            return no(word);
        }
    }
    for (key, below) in value.as_object().into_iter().flatten() {
        let property =
            schema["properties"].get(key).or(schema["additionalProperties"].as_object().map(|_| &schema["additionalProperties"]));
        accepts(property.ok_or(format!("{key} is not in {schema}"))?, below)?;
    }
    Ok(())
}

fn json(text: &str) -> Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

#[test]
fn the_schema_accepts_the_template_and_nothing_else() {
    let schema = json_schema();
    accepts(&schema, &json(&template("experiment"))).unwrap();
    accepts(&schema, &json("extends = 'a.toml'\nname = 'x'\n[optimizer.sgd]\nnesterov = true\n[sweep.grid]\n'a.b' = [1]"))
        .unwrap();
    for bad in [
        "",
        "name = 'x'\nepochs = 5",
        "name = 'a/b'",
        "name = 'x'\n[optimizer]",
        "name = 'x'\n[optimizer]\nsgd = {}\nadam = {}",
        "name = 'x'\n[optimizer.adam]\nlr = 0",
        "name = 'x'\n[optimizer.adam]\nbetas = [0.9, 1.0]",
        "name = 'x'\n[model.unet]\nup = 'bilinear'",
        "name = 'x'\n[dataset.folders]",
        "name = 'x'\n[training]\nseeds = []",
        "name = 'x'\n[lr_schedule.constant]\nx = 1",
    ] {
        assert!(accepts(&schema, &json(bad)).is_err(), "{bad}");
        assert!(load_str("x.toml", bad).is_err(), "{bad}");
    }
}

/// Every table is closed, every property has its words, every choice has exactly one.
fn structure(path: &str, schema: &Value) {
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], Value::Bool(false), "{path}");
        for (name, below) in properties {
            assert!(below["description"].as_str().is_some_and(|d| !d.is_empty()), "{path}.{name} has no description");
            structure(&format!("{path}.{name}"), below);
        }
    }
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        assert!(choice["const"].is_string() && choice["description"].is_string(), "{path}");
    }
}

#[test]
fn the_schema_describes_every_key() {
    let schema = json_schema();
    structure("", &schema);
    for choice in ["dataset", "split", "model", "optimizer", "lr_schedule"] {
        assert_eq!(schema["properties"][choice]["minProperties"], 1, "{choice}");
        assert_eq!(schema["properties"][choice]["maxProperties"], 1, "{choice}");
    }
    assert_eq!(config::json_schema()["$schema"], "http://json-schema.org/draft-07/schema#");
}
