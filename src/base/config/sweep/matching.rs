//! Conditions on the values of a point.

use std::collections::BTreeMap;
use toml::Value;

/// Whether every key of an experiment has the value, or one of the values, that is wanted.
pub(in crate::config) fn all_match(wanted: &BTreeMap<String, Value>, experiment: &Value) -> bool {
    wanted.iter().all(|(key, wanted)| at(experiment, key).is_some_and(|value| agrees(value, wanted)))
}

/// Whether a value is the one, or one of those, that is wanted.
pub(in crate::config) fn agrees(value: &Value, wanted: &Value) -> bool {
    let any = |values: &Vec<Value>| values.iter().any(|one| equal(value, one));
    equal(value, wanted) || wanted.as_array().is_some_and(any)
}

/// Whole numbers equal their like with a point; the name of a choice stands for it whatever is set below.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Integer(i), Value::Float(x)) | (Value::Float(x), Value::Integer(i)) => *i as f64 == *x,
        (Value::Table(table), Value::String(name)) => table.len() == 1 && table.contains_key(name),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => a == b,
    }
}

/// The value at a dotted path.
fn at<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(tree, |here, part| here.as_table()?.get(part))
}
