//! A trained run as an ONNX file, for programs that know nothing of this one.
//!
//! The file takes images as programs load them, (n, height, width, channels) with the values of the file, and has what training did with values
//! inside: scaling to [0, 1] and normalisation. It resizes nothing.

mod graph;
mod network;
mod proto;

use super::{Error, class_names, normaliser, thresholds};
use crate::config::{Experiment, Intensity};
use crate::data::Normaliser;
use crate::metric::USUAL_THRESHOLD;
use crate::model::{self, Network, Weights};
use crate::store::RunDir;
use candle_core::{Device, Tensor};
use graph::{Builder, Tensors};
use prost::Message;
use proto::{Attribute, Dimension, Entry, FLOAT, Side, UINT8, UINT16, ValueInfo};

/// Version of ONNX's operators that are used; runtimes of 2021 and later know it.
pub const OPSET: i64 = 13;

/// Version of the file format that belongs to it.
const IR_VERSION: i64 = 7;

/// Below this a standard deviation counts as 0, as in training.
const CONSTANT: f32 = 1e-6;

/// What type the values of images have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// 8-bit images.
    Uint8,
    /// 16-bit images.
    Uint16,
    /// Floats.
    Float32,
}

impl Input {
    /// As ONNX and NumPy call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Float32 => "float32",
        }
    }

    fn element(self) -> i32 {
        match self {
            Self::Uint8 => UINT8,
            Self::Uint16 => UINT16,
            Self::Float32 => FLOAT,
        }
    }

    /// The value that is full brightness, where the type says it.
    fn top(self) -> Option<f32> {
        match self {
            Self::Uint8 => Some(255.0),
            Self::Uint16 => Some(65535.0),
            Self::Float32 => None,
        }
    }
}

/// An ONNX file, and what should be known of it.
pub struct Exported {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Sentences for who uses it.
    pub notes: Vec<String>,
}

/// The weights of a run's best epoch as an ONNX file: input `images` (n, height, width, channels), outputs `logits` and `probabilities`
/// (n, classes, height, width), all in f32 inside.
///
/// # Errors
/// If the run has no such weights.
pub fn export(run: &RunDir, experiment: &Experiment, input: Input) -> Result<Exported, Error> {
    let best = run.best_weights().map_err(|e| Error::Mistake(e.to_string()))?;
    let file = best.path;
    let (channels, classes) = model::ends(&file)?;
    let network = model::build(&experiment.model, channels, classes, Weights::File(&file), &Device::Cpu)?;
    let names = class_names(run, classes);
    let normaliser = normaliser(&file, experiment.preprocess.normalise, channels)?;
    let kept = thresholds(&file, classes)?.unwrap_or_else(|| vec![USUAL_THRESHOLD; classes]);
    let mut g = Builder::new("umlaut", tensors(&*network)?);
    let (images, scaling, mut notes) = scaled(&mut g, experiment, input);
    let images = normalised(&mut g, &normaliser, channels, &images);
    let logits = network::logits(&mut g, &experiment.model, &images);
    g.add_as("logits", "Identity", &[&logits], vec![]);
    let exclusive = experiment.loss.is_exclusive();
    probabilities(&mut g, classes, exclusive);
    if !best.settled {
        notes.push(format!("{} has not finished: these are the weights of its best epoch so far", run.path().display()));
    }
    let step = model::step(&experiment.model);
    let sides = [Side::Name("n".into()), Side::Name("height".into()), Side::Name("width".into())];
    let [n, height, width] = sides;
    let number = |count: usize| Side::Value(count as i64);
    g.graph.input = vec![value("images", input.element(), [n.clone(), height.clone(), width.clone(), number(channels)])];
    g.graph.output = ["logits", "probabilities"]
        .map(|name| value(name, FLOAT, [n.clone(), number(classes), height.clone(), width.clone()]))
        .into();
    let [high, wide] = experiment.preprocess.size;
    let list = |values: Vec<String>| values.join(",");
    let metadata = [
        ("classes", list(names)),
        ("probabilities", if exclusive { "softmax with a background of logit 0" } else { "sigmoid" }.to_owned()),
        ("thresholds", list(kept.iter().map(f64::to_string).collect())),
        (
            "channels",
            match channels {
                1 => "grey",
                3 => "RGB",
                _ => "as trained",
            }
            .to_owned(),
        ),
        ("values", scaling),
        ("sides", format!("multiples of {step}")),
        ("trained_size", format!("{high},{wide}")),
        ("run", run.id().to_string()),
        ("epoch", best.epoch.map_or(String::new(), |epoch| epoch.to_string())),
    ];
    let entry = |(key, value): (&str, String)| Entry { key: key.to_owned(), value };
    let model = proto::Model {
        ir_version: IR_VERSION,
        opset_import: vec![proto::OperatorSet { domain: String::new(), version: OPSET }],
        producer_name: "umlaut".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: experiment.description.clone(),
        graph: Some(g.graph),
        metadata_props: metadata.map(entry).into(),
    };
    Ok(Exported { bytes: model.encode_to_vec(), notes })
}

/// Shapes and values of all tensors of a network.
fn tensors(network: &dyn Network) -> Result<Tensors, Error> {
    let params = network.params();
    let read = |tensor: &Tensor| -> Result<_, Error> { Ok((tensor.dims().to_vec(), tensor.flatten_all()?.to_vec1()?)) };
    params.trained.iter().chain(&params.buffers).map(|(name, var)| Ok((name.clone(), read(var)?))).collect()
}

/// The images as planes (n, channels, height, width) of values in [0, 1]; how values are scaled, in words.
fn scaled(g: &mut Builder, experiment: &Experiment, input: Input) -> (String, String, Vec<String>) {
    let numbers = if input == Input::Float32 {
        "images".to_owned()
    } else {
        g.add("Cast", &["images"], vec![Attribute::int("to", FLOAT.into())])
    };
    let planes = g.add("Transpose", &[&numbers], vec![Attribute::ints("perm", &[0, 3, 1, 2])]);
    let preprocess = &experiment.preprocess;
    let (low, high) = match (preprocess.intensity, preprocess.window, input.top()) {
        (Intensity::Window, Some([low, high]), _) => (low as f32, high as f32),
        (Intensity::Type, _, Some(top)) => (0.0, top),
        (Intensity::Percentiles, _, _) => {
            let note = "the run scales each image by its own percentiles (preprocess.intensity), which ONNX has no operator for: give the file \
                        float32 values that are scaled so already";
            let said = "by each image's percentiles, before they come here".to_owned();
            return (planes, said, if input == Input::Float32 { vec![] } else { vec![note.to_owned()] });
        }
        _ => return (planes, "in [0, 1]".to_owned(), vec![]),
    };
    let range = g.constant("range", &[], &[high - low]);
    let mut y = planes;
    if low != 0.0 {
        let from = g.constant("low", &[], &[low]);
        y = g.add("Sub", &[&y, &from], vec![]);
    }
    y = g.add("Div", &[&y, &range], vec![]);
    if preprocess.intensity == Intensity::Window {
        let (zero, one) = (g.constant("zero", &[], &[0.0]), g.constant("one", &[], &[1.0]));
        y = g.add("Clip", &[&y, &zero, &one], vec![]);
    }
    (y, format!("{low} to {high} become 0 to 1"), vec![])
}

/// Planes of zero mean and unit variance, as in training.
fn normalised(g: &mut Builder, normaliser: &Normaliser, channels: usize, x: &str) -> String {
    let factor = |sd: &f32| if *sd < CONSTANT { 1.0 } else { 1.0 / sd };
    match normaliser {
        Normaliser::None => x.to_owned(),
        Normaliser::Dataset { mean, sd } => {
            let shape = [1, channels, 1, 1];
            let (mean, factors) = (g.constant("mean", &shape, mean), sd.iter().map(factor).collect::<Vec<_>>());
            let y = g.add("Sub", &[x, &mean], vec![]);
            let factors = g.constant("factor", &shape, &factors);
            g.add("Mul", &[&y, &factors], vec![])
        }
        Normaliser::Image => {
            let over = || vec![Attribute::ints("axes", &[2, 3]), Attribute::int("keepdims", 1)];
            let mean = g.add("ReduceMean", &[x], over());
            let y = g.add("Sub", &[x, &mean], vec![]);
            let squares = g.add("Mul", &[&y, &y], vec![]);
            let var = g.add("ReduceMean", &[&squares], over());
            let sd = g.add("Sqrt", &[&var], vec![]);
            let (least, one) = (g.constant("constant", &[], &[CONSTANT]), g.constant("one", &[], &[1.0]));
            let is_constant = g.add("Less", &[&sd, &least], vec![]);
            let divisor = g.add("Where", &[&is_constant, &one, &sd], vec![]);
            g.add("Div", &[&y, &divisor], vec![])
        }
    }
}

/// Adds the output `probabilities` to `logits`.
fn probabilities(g: &mut Builder, classes: usize, exclusive: bool) {
    if !exclusive {
        g.add_as("probabilities", "Sigmoid", &["logits"], vec![]);
        return;
    }
    // The background has the logit 0, and its probability is no output.
    let axis = g.integers("axis", &[1]);
    let (from, one, end) = (g.integers("first", &[0]), g.integers("second", &[1]), g.integers("end", &[classes as i64 + 1]));
    let first = g.add("Slice", &["logits", &from, &one, &axis], vec![]);
    let background = g.add("Sub", &[&first, &first], vec![]);
    let all = g.add("Concat", &[&background, "logits"], vec![Attribute::int("axis", 1)]);
    let all = g.add("Softmax", &[&all], vec![Attribute::int("axis", 1)]);
    g.add_as("probabilities", "Slice", &[&all, &one, &end, &axis], vec![]);
}

fn value(name: &str, elem_type: i32, sides: [Side; 4]) -> ValueInfo {
    let dim = sides.into_iter().map(|side| Dimension { value: Some(side) }).collect();
    let tensor = proto::TensorType { elem_type, shape: Some(proto::Shape { dim }) };
    ValueInfo { name: name.to_owned(), r#type: Some(proto::ValueType { tensor_type: Some(tensor) }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Model;
    use std::collections::HashSet;

    /// Whatever the network: operators read what there is already, and each of its tensors is read. Numbers are compared with those of ONNX Runtime
    /// by `scripts/check_onnx.py`.
    #[test]
    fn each_tensor_of_each_network_is_read() {
        for kind in ["unet", "attention_unet", "unet_plus_plus"] {
            for norm in ["batch", "group", "instance", "none"] {
                for more in ["", "residual = true", "activation = 'silu'", "up = 'transposed'"] {
                    if kind == "unet_plus_plus" && more.starts_with("up") {
                        continue;
                    }
                    let text = format!("[{kind}]\nchannels = [4, 8, 12]\nnorm = '{norm}'\ngroups = 2\n{more}");
                    let model: Model = toml::from_str(&text).unwrap();
                    let network = model::build(&model, 3, 2, Weights::Seed(1), &Device::Cpu).unwrap();
                    let all = tensors(&*network).unwrap();
                    let names: HashSet<String> = all.keys().cloned().collect();
                    let mut g = Builder::new("test", all);
                    let logits = network::logits(&mut g, &model, "images");
                    let constants = g.graph.initializer.iter().map(|tensor| tensor.name.clone());
                    let mut known: HashSet<String> = constants.chain(["images".to_owned(), String::new()]).collect();
                    let mut read = HashSet::new();
                    for node in &g.graph.node {
                        assert!(node.input.iter().all(|input| known.contains(input)), "{text}: {node:?}");
                        read.extend(node.input.clone());
                        known.extend(node.output.clone());
                    }
                    assert!(known.contains(&logits));
                    let unread: Vec<&String> = names.iter().filter(|name| !read.contains(*name)).collect();
                    assert!(unread.is_empty(), "{text}: {unread:?}");
                }
            }
        }
    }
}
