//! What the hparams plugin receives: which keys are swept, with which values, and by which scalars runs are compared. The messages have
//! the names and numbers of its `plugin_data.proto` and `api.proto`, values those of protobuf's own `struct.proto`.

use super::event;
use super::wire::Message;
use crate::plan;
use std::collections::BTreeMap;

const PLUGIN: &str = "hparams";

/// A value of a swept key.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Bool(bool),
    Number(f64),
}

impl Value {
    /// `differs` has values as TOML.
    fn of(toml: &str) -> Self {
        let table = format!("value = {toml}").parse::<toml::Table>().ok();
        match table.and_then(|mut table| table.remove("value")) {
            Some(toml::Value::Boolean(value)) => Self::Bool(value),
            Some(toml::Value::Integer(value)) => Self::Number(value as f64),
            Some(toml::Value::Float(value)) => Self::Number(value),
            _ => Self::Text(plan::spoken(toml)),
        }
    }

    /// `DataType`.
    fn kind(&self) -> u64 {
        match self {
            Self::Text(_) => 1,
            Self::Bool(_) => 2,
            Self::Number(_) => 3,
        }
    }

    /// `google.protobuf.Value` { number_value = 2, string_value = 3, bool_value = 4 }.
    fn message(&self) -> Message {
        match self {
            Self::Number(value) => Message::new().double(2, *value),
            Self::Text(value) => Message::new().bytes_of(3, value),
            Self::Bool(value) => Message::new().whole(4, u64::from(*value)),
        }
    }
}

/// The swept keys of all exported runs, with every value.
pub(super) struct Swept(BTreeMap<String, Vec<Value>>);

impl Swept {
    /// From what differs in each run. Seed and fold are no parameters, unless there are no others: TensorBoard shows the mean over
    /// the runs of a group.
    pub(super) fn of<'a>(runs: impl Iterator<Item = &'a [(String, String)]> + Clone) -> Self {
        let of_group = |key: &str| !plan::of_repetition(key);
        let only_seeds = !runs.clone().flatten().any(|(key, _)| of_group(key));
        let mut swept: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (key, toml) in runs.flatten().filter(|(key, _)| only_seeds || of_group(key)) {
            let (values, value) = (swept.entry(key.clone()).or_default(), Value::of(toml));
            if !values.contains(&value) {
                values.push(value);
            }
        }
        swept.values_mut().for_each(|values| alike(values));
        Self(swept)
    }

    /// `Summary.Value` with `Experiment` { name = 6, hparam_infos = 4, metric_infos = 5 }, the same in every run.
    pub(super) fn experiment(&self, metrics: &[String]) -> Message {
        let experiment = self.0.iter().fold(Message::new(), |all, (key, values)| all.message(4, &info(key, values)));
        let metric = |tag: &String| Message::new().message(1, &Message::new().bytes_of(2, tag));
        let experiment = metrics.iter().fold(experiment, |all, tag| all.message(5, &metric(tag)));
        of_hparams("_hparams_/experiment", 2, &experiment)
    }

    /// `Summary.Value` with `SessionStartInfo` { hparams = 1 (a map: key = 1, value = 2), group_name = 4, start_time_secs = 5 }.
    pub(super) fn start(&self, differs: &[(String, String)], seconds: f64) -> Message {
        let mut info = Message::new();
        for (key, toml) in differs {
            let Some(values) = self.0.get(key) else { continue };
            let as_text = matches!(values.first(), Some(Value::Text(_)));
            let value = if as_text { Value::Text(plan::spoken(toml)) } else { Value::of(toml) };
            info = info.message(1, &Message::new().bytes_of(1, key).message(2, &value.message()));
        }
        let only_seeds = self.0.contains_key(plan::SEED);
        let info = if only_seeds { info } else { info.bytes_of(4, plan::group_name(differs)) };
        of_hparams("_hparams_/session_start_info", 3, &info.double(5, seconds))
    }
}

/// `Summary.Value` with `SessionEndInfo` { status = 1, end_time_secs = 2 }.
pub(super) fn end(finished: bool, seconds: f64) -> Message {
    let status = if finished { 1 } else { 2 };
    of_hparams("_hparams_/session_end_info", 4, &Message::new().whole(1, status).double(2, seconds))
}

/// `HParamsPluginData` { version = 1 (0, left out), one of experiment = 2, session_start_info = 3, session_end_info = 4 }.
fn of_hparams(tag: &str, field: u32, content: &Message) -> Message {
    event::of_plugin(tag, PLUGIN, &Message::new().message(field, content))
}

/// A key has values of one kind in TensorBoard; those of several kinds become texts.
fn alike(values: &mut [Value]) {
    if values.windows(2).any(|pair| pair[0].kind() != pair[1].kind()) {
        for value in values {
            match value {
                Value::Text(_) => {}
                Value::Bool(known) => *value = Value::Text(known.to_string()),
                Value::Number(known) => *value = Value::Text(plan::spoken(&known.to_string())),
            }
        }
    }
}

/// `HParamInfo` { name = 1, type = 4, domain_discrete = 5, differs = 7 } with a `google.protobuf.ListValue` { values = 1 }.
fn info(key: &str, values: &[Value]) -> Message {
    let list = values.iter().fold(Message::new(), |list, value| list.message(1, &value.message()));
    let kind = values.first().map_or(1, Value::kind);
    let info = Message::new().bytes_of(1, key).whole(4, kind).message(5, &list);
    if values.len() > 1 { info.whole(7, 1) } else { info }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(channels: &str, lr: &str, seed: &str) -> Vec<(String, String)> {
        [("model.channels", channels), ("lr", lr), ("seed", seed)].map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
    }

    /// Oracle: `SerializeToString()` of TensorBoard 2.21, as `python scripts/check_tensorboard.py --golden` prints it.
    #[test]
    fn sessions_are_tensorboards() {
        let runs = [differs("[8, 16]", "0.5", "1"), differs("[8, 16]", "0.25", "2")];
        let swept = Swept::of(runs.iter().map(Vec::as_slice));
        assert_eq!(
            hex(&swept.experiment(&["val_best/dice".to_owned()])),
            "0a145f68706172616d735f2f6578706572696d656e7442060801120212004a620a600a0768706172616d731255125322200a026c7220\
             032a160a0911000000000000e03f0a0911000000000000d03f3801221c0a0e6d6f64656c2e6368616e6e656c7320012a080a061a0438\
             2d31362a110a0f120d76616c5f626573742f64696365"
        );
        assert_eq!(
            hex(&swept.start(&runs[1][1..], 2.0)),
            "0a1c5f68706172616d735f2f73657373696f6e5f73746172745f696e666f42060801120212004a320a300a0768706172616d7312251a\
             230a0f0a026c72120911000000000000d03f22076c7220302e3235290000000000000040"
        );
        assert_eq!(
            hex(&end(true, 4.0)),
            "0a1a5f68706172616d735f2f73657373696f6e5f656e645f696e666f42060801120212004a1a0a180a0768706172616d73120d220b08\
             01110000000000001040"
        );
    }

    #[test]
    fn seeds_are_parameters_only_where_nothing_else_is() {
        let runs = [differs("[8]", "0.5", "1"), differs("[8]", "0.5", "2")];
        let keys = |from: usize| Swept::of(runs.iter().map(|run| &run[from..])).0.into_keys().collect::<Vec<_>>();
        assert_eq!(keys(0), ["lr", "model.channels"]);
        assert_eq!(keys(2), ["seed"]);
    }

    #[test]
    fn values_of_several_kinds_are_texts() {
        let runs = [differs("[8]", "\"auto\"", "1"), differs("[8]", "0.5", "1"), differs("[8]", "true", "1")];
        let swept = Swept::of(runs.iter().map(Vec::as_slice));
        assert_eq!(swept.0["lr"], ["auto", "0.5", "true"].map(|text| Value::Text(text.to_owned())));
    }

    fn hex(message: &Message) -> String {
        message.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
