//! Files that fit, and all that do not.

use super::*;
use crate::model::{Mode, Network, Weights, build};
use crate::ops::Tape;
use std::collections::HashMap;

fn experiment(rest: &str) -> Experiment {
    toml::from_str(&format!("name = 'x'\n[model.unet]\nchannels = [4, 8]\n{rest}")).unwrap()
}

fn network(experiment: &Experiment, seed: u64) -> Box<dyn Network> {
    build(&experiment.model, 3, 2, Weights::Seed(seed), &Device::Cpu).unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

type Tensors = HashMap<String, Tensor>;

/// A network's tensors, as a file has them.
fn tensors() -> Tensors {
    let network = network(&experiment(""), 2);
    let params = network.params();
    params.trained.iter().chain(&params.buffers).map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect()
}

/// What is said of a file with these tensors for a network of 3 channels and 2 classes.
fn verdict(tensors: &Tensors, skip: &str) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.safetensors");
    candle_core::safetensors::save(tensors, &file).unwrap();
    let experiment = experiment(&format!("[training.initial]\nweights = 'w.safetensors'\nskip = {skip}"));
    let message = InitialWeights::read(&file).and_then(|weights| weights.check(&experiment, 3, 2));
    message.map_err(|error| {
        assert!(error.is_mistake(), "{error}");
        error.to_string().strip_prefix(&format!("{}: ", file.display())).expect("it begins with the file").to_owned()
    })
}

fn with(name: &str, tensor: Tensor) -> Tensors {
    let mut all = tensors();
    all.insert(name.to_owned(), tensor);
    all
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

/// Oracle: PyTorch's logits, scripts/initial_oracle.py.
#[test]
fn what_pytorch_wrote_gives_pytorchs_logits() {
    let experiment = experiment("");
    let network = network(&experiment, 7);
    let weights = InitialWeights::read(&fixture("pytorch_state.safetensors")).unwrap();
    weights.check(&experiment, 3, 2).unwrap();
    let initial = Initial { hash: Some(weights.hash().to_owned()), ..Initial::default() };
    let fit = weights.taken(network.params(), &initial).unwrap();
    let right = candle_core::safetensors::load(fixture("pytorch_logits.safetensors"), &Device::Cpu).unwrap();
    let logits = network.forward(&Tape::inference(), &right["images"], Mode::Eval).unwrap();
    let (got, want) = (numbers(logits.value()), numbers(&right["logits"]));
    let far = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(got.len() == want.len() && far < 1e-5, "{far}");
    let notes = weights.notes(&fit, Normalise::Image);
    let taken = format!("began with the {} tensors of {}", fit.taken.len(), fixture("pytorch_state.safetensors").display());
    let changes = "\"module.\" before every name there was taken off; 12 tensors were converted from bf16 to f32; \
                   2 tensors were converted from f64 to f32";
    assert_eq!(notes, [format!("{taken}; {changes}")], "PyTorch says nothing of how images were normalised");
}

#[test]
fn what_is_missing_or_of_another_shape_is_named() {
    assert_eq!(verdict(&tensors(), "[]"), Ok(()));
    let mut short = tensors();
    short.remove("head.bias");
    short.insert("head.weight".into(), zeros(&[3, 4, 1, 1]));
    let all = short.len() + 1;
    assert_eq!(
        verdict(&short, "[]").unwrap_err(),
        format!(
            "2 of the network's {all} tensors are not there as it needs them: head.bias is missing; head.weight is [3, 4, 1, 1] there and \
             [2, 4, 1, 1] in the network; to train the rest with them: training.initial.skip = [\"head\"]"
        )
    );
    assert_eq!(verdict(&short, "['head']"), Ok(()));
    assert!(verdict(&short, "['hea']").unwrap_err().contains("skip names \"hea\""), "whole words alone count");
    let message = verdict(&Tensors::from([("x".into(), zeros(&[1]))]), "[]").unwrap_err();
    assert!(message.contains("decoder.0.0.bias is missing") && message.contains(&format!("and {} more", all - 4)), "{message}");
    assert!(message.contains("is the file of another architecture?"), "{message}");
}

#[test]
fn what_is_left_over_is_named_unless_skipped() {
    let more = with("aux.weight", zeros(&[1]));
    let message = verdict(&more, "[]").unwrap_err();
    assert!(message.contains("has no place for 1 of the file's") && message.contains("skip = [\"aux\"]"), "{message}");
    assert_eq!(verdict(&more, "['aux.weight']"), Ok(()));
    let message = verdict(&tensors(), "['decoder', 'encoder', 'head', 'up']").unwrap_err();
    assert!(message.contains("leaves nothing to take"), "{message}");
}

#[test]
fn numbers_that_are_none_are_found() {
    for value in [f32::NAN, f32::INFINITY] {
        let broken = with("head.bias", Tensor::new(&[0.0, value], &Device::Cpu).unwrap());
        let message = verdict(&broken, "[]").unwrap_err();
        assert!(message.contains("the tensor head.bias holds what is no finite number"), "{message}");
        assert_eq!(verdict(&broken, "['head']"), Ok(()));
    }
    let large = with("head.bias", Tensor::new(&[0.0, 1e300], &Device::Cpu).unwrap());
    assert!(verdict(&large, "[]").unwrap_err().contains("no finite number"), "too large for f32");
    let whole = with("head.bias", Tensor::new(&[1i64, 2], &Device::Cpu).unwrap());
    assert!(verdict(&whole, "[]").unwrap_err().contains("head.bias holds no weights but i64"));
}

#[test]
fn wrappers_before_all_names_come_off_and_counters_do_not_count() {
    let rename =
        |prefix: &str| tensors().into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect::<Tensors>();
    let mut wrapped = rename("model.module.");
    wrapped.insert("model.module.encoder.0.1.num_batches_tracked".into(), Tensor::new(3i64, &Device::Cpu).unwrap());
    assert_eq!(verdict(&wrapped, "[]"), Ok(()));
    wrapped.insert("other".into(), zeros(&[1]));
    assert!(verdict(&wrapped, "['other']").is_err(), "not all begin so");
}

#[test]
fn a_file_that_is_none_says_what_it_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.safetensors");
    candle_core::safetensors::save(&tensors(), &file).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let message = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let error = InitialWeights::read(&file).err().expect("it is none");
        assert!(error.is_mistake());
        error.to_string()
    };
    assert!(message(&whole[..whole.len() - 1]).contains("is no whole safetensors file"));
    assert!(message(b"").contains("is no whole safetensors file"));
    assert!(message(b"PK\x03\x04rest").contains("safetensors.torch.save_file(model.state_dict()"));
    std::fs::remove_file(&file).unwrap();
    assert!(InitialWeights::read(&file).err().unwrap().to_string().contains("cannot be read"));
}

#[test]
fn another_normalisation_is_doubted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.safetensors");
    let network = network(&experiment(""), 2);
    let doubt = |written: &Normaliser, ours: Normalise| {
        crate::train::checkpoint::write_weights(&file, network.params(), 3, written).unwrap();
        InitialWeights::read(&file).unwrap().doubt(ours)
    };
    assert_eq!(doubt(&Normaliser::None, Normalise::None), None);
    let numbers = Normaliser::Dataset { mean: vec![0.5; 3], sd: vec![0.1; 3] };
    assert_eq!(doubt(&numbers, Normalise::Dataset), None, "the numbers are each data set's own");
    let said = doubt(&numbers, Normalise::None).unwrap();
    assert!(said.contains("preprocess.normalise = \"dataset\", here it is \"none\""), "{said}");
    assert!(doubt(&Normaliser::None, Normalise::Image).is_some());
}
