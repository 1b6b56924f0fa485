//! The house plan as a test: who may import whom, read from the `crate::` paths of the sources.

#[path = "architecture/circles.rs"]
mod circles;

use regex::Regex;
use std::path::Path;

/// A room and the rooms that it may know.
const RULES: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("record", &[]),
    ("metric", &["config", "ops"]),
    ("machine", &["ops"]),
    ("regular", &[]),
    ("shown", &[]),
    ("system", &[]),
    ("text", &[]),
    ("store", &["plan", "record"]),
    ("plan", &["config"]),
    ("data", &["config"]),
    ("model", &["ops", "config"]),
    ("train", &["data", "ops", "model", "metric", "plan", "store", "record", "config"]),
    ("predict", &["data", "ops", "model", "metric", "store", "config"]),
    ("schedule", &["plan", "store", "record"]),
    ("find", &["store"]),
    ("search", &[]),
    ("guide", &[]),
    ("report", &["plan", "store", "record", "metric", "find"]),
    ("devices", &["schedule", "ops"]),
    ("settings", &["devices", "schedule", "store"]),
    ("estimate", &["config", "data", "model", "ops", "plan", "schedule", "store", "train"]),
    ("propose", &["config", "data", "estimate", "plan"]),
    ("prepare", &["config", "data", "find", "plan", "store", "train"]),
    ("status", &["config", "metric", "record", "schedule", "store", "trials"]),
    ("serve", &["find", "metric", "plan", "record", "report", "schedule", "status", "store", "trials"]),
    ("trials", &["config", "data", "estimate", "metric", "plan", "prepare", "record", "schedule", "search", "store"]),
];

/// Rooms that every other may know: this machine, and the doors for files, text and words of others.
const DOORS: &[&str] = &["machine", "regular", "shown", "system", "text"];

/// Rooms where no tensor may appear.
const WITHOUT_TENSORS: &[&str] = &["config", "record", "metric", "plan", "store", "schedule", "search", "report"];

/// Sources of the library with the room that each belongs to; unit tests cut off, they may look further.
fn sources() -> Vec<(String, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(&src).into_iter().map(|entry| entry.expect("src can be listed").into_path());
    let rust = files.filter(|path| path.extension().is_some_and(|e| e == "rs"));
    rust.filter_map(|path| {
        let name = path.strip_prefix(&src).expect("below src").to_string_lossy().replace('\\', "/");
        let room =
            name.trim_start_matches("core/").trim_start_matches("base/").split('/').next()?.trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&path).expect("sources are text");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        Some((room, name, code))
    })
    .filter(|(room, name, _)| room != "main" && room != "lib" && !name.ends_with("/tests.rs"))
    .collect()
}

#[test]
fn rooms_import_only_what_the_plan_allows() {
    let path = Regex::new(r"\bcrate::(?:\{([^}]*)\}|(\w+))").expect("a regular expression");
    let mut wrong = Vec::new();
    // What `ops` may know is in the manifest of its package.
    for (room, name, code) in sources().iter().filter(|(room, ..)| room != "cli" && room != "ops") {
        let allowed = RULES.iter().find(|(r, _)| r == room).unwrap_or_else(|| panic!("{name}: {room} is no room of the plan")).1;
        for found in path.captures_iter(code) {
            let list = found.get(1).or(found.get(2)).expect("one of both").as_str();
            for used in list.split(',').map(|item| item.trim().split("::").next().unwrap_or_default()).filter(|u| !u.is_empty()) {
                if used != room && !allowed.contains(&used) && !DOORS.contains(&used) {
                    wrong.push(format!("{name}: {room} must not know {used}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tensors_stay_in_their_rooms() {
    let named =
        sources().into_iter().filter(|(room, _, code)| WITHOUT_TENSORS.contains(&room.as_str()) && code.contains("candle_"));
    let named: Vec<String> = named.map(|(_, name, _)| name).collect();
    assert!(named.is_empty(), "{named:?} name candle");
}

#[test]
fn only_the_store_names_result_files() {
    let names = [
        "\"metrics.csv\"",
        "\"outcome.toml\"",
        "\"run.toml\"",
        "\"provenance.toml\"",
        "\"checkpoints\"",
        "\"plan.csv\"",
        "\"events.jsonl\"",
        "\"history.csv\"",
    ];
    let named = sources().into_iter().filter(|(room, _, code)| room != "store" && names.iter().any(|n| code.contains(n)));
    let named: Vec<String> = named.map(|(_, name, _)| name).collect();
    assert!(named.is_empty(), "{named:?} name result files");
}

/// The binding's own functions search libraries by name, may find another file than the one that was opened, and panic where a function is missing.
#[test]
fn functions_of_nvidias_libraries_are_called_by_tables_alone() {
    let binding = Regex::new(
        r"cudarc::\w+::(?:\w+::)?(?:result|safe)\b|cudarc::\w+::\{[^}]*\bresult\b|\bsys::(?:cu|nvrtc|cudnn)[A-Z]\w*\(",
    )
    .expect("a regular expression");
    let named = sources().into_iter().filter(|(_, _, code)| binding.is_match(code));
    let named: Vec<String> = named.map(|(_, name, _)| name).collect();
    assert!(named.is_empty(), "{named:?} call functions of cudarc; src/ops/cuda/library has tables of them");
}

/// The files that an extension touches, by the names that it would have: those of what is there already. Its passage in the template, its tests and its
/// kernels beside them are no sources.
#[test]
fn an_extension_touches_few_files() {
    let extensions: [(&str, &[&str], usize); 3] = [
        // A layout with names of its own is also one that `init` tries.
        ("data set layouts", &["Refuge", "RimOne", "DrishtiGs", "Dsb2018", "Coco", "Labelme", "Geojson"], 4),
        ("terms of a loss", &["WeightedBce", "Tversky", "Focal", "FocalTversky", "Lovasz"], 3),
        // The last is how it is written in ONNX's operators.
        ("networks", &["UnetPlusPlus"], 5),
    ];
    for (what, examples, most) in extensions {
        for example in examples {
            let word = Regex::new(&format!(r"\b{example}\b")).expect("a regular expression");
            let named = sources().into_iter().filter(|(_, name, code)| word.is_match(code) && !name.ends_with("selftest.rs"));
            let named: Vec<String> = named.map(|(_, name, _)| name).collect();
            assert!((2..=most).contains(&named.len()), "{what}: {example} is named by {named:?}");
        }
    }
}
