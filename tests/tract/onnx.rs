#![cfg(test)]
//! What `umlaut export onnx` writes, read and calculated by tract, against what `umlaut predict` writes.
//!
//! Trains a small network of each kind, norm, activation and way up, exports it, and predicts an image of two sizes both ways. Needs the built program:
//! target/debug/umlaut, or what `UMLAUT` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tract_onnx::prelude::*;

/// What logits may differ by, beyond what 16 bits of a probability cannot tell.
const BOUND: f64 = 1e-4;
/// Height and width of the images; the sides of these networks are multiples of 4.
const SIZES: [(usize, usize); 2] = [(32, 32), (48, 64)];
const CLASSES: [&str; 2] = ["disc", "cup"];
const CHANNELS: usize = 3;

const SYNTHETIC: &str = "[dataset.synthetic]\ncount = 12\nsize = [48, 48]";
/// Masks of three values, so that two classes exclude each other.
const FOLDERS: &str = "[dataset.folders]\nroot = 'folders'\nclasses = ['disc', 'cup']\nmask_values = 'indexed'";

/// What an experiment consists of beside what all have.
struct Case {
    name: String,
    kind: &'static str,
    model: String,
    dataset: &'static str,
    preprocess: &'static str,
    loss: &'static str,
}

impl Case {
    fn network(kind: &'static str, norm: &str, activation: &str, residual: bool, up: &str) -> Self {
        let groups = if norm == "group" { "groups = 4\n" } else { "" };
        let way = if up.is_empty() { String::new() } else { format!("up = '{up}'\n") };
        Self {
            name: format!("{kind} {norm} {activation} residual {residual} {up}"),
            model: format!("norm = '{norm}'\nactivation = '{activation}'\nresidual = {residual}\n{groups}{way}"),
            ..Self::plain(kind)
        }
    }

    fn plain(kind: &'static str) -> Self {
        Self { name: kind.into(), kind, model: String::new(), dataset: SYNTHETIC, preprocess: "", loss: "" }
    }

    /// Whether the classes exclude each other: a logit alone does not tell the probability.
    fn softmax(&self) -> bool {
        !self.loss.is_empty()
    }

    fn experiment(&self) -> String {
        let Self { kind, model, dataset, preprocess, loss, .. } = self;
        format!(
            "name = 'net'\n{dataset}\n[preprocess]\nsize = [32, 32]\n{preprocess}\n[split.fractions]\ntrain = 0.5\nval = 0.25\ntest = 0.25\n\
             [model.{kind}]\nchannels = [4, 8, 12]\n{model}\n[training]\nepochs = 1\nbatch_size = 4\n{loss}\n"
        )
    }
}

/// Every kind with every norm; activations, ways up and shortcuts so that each meets each kind.
fn cases() -> Vec<Case> {
    let network = Case::network;
    let (unet, attention, nested) = ("unet", "attention_unet", "unet_plus_plus");
    vec![
        network(unet, "batch", "relu", false, "nearest_conv"),
        network(unet, "group", "leaky_relu", true, "transposed"),
        network(unet, "instance", "elu", true, "nearest_conv"),
        network(unet, "none", "silu", false, "transposed"),
        network(attention, "batch", "elu", true, "transposed"),
        network(attention, "group", "silu", false, "nearest_conv"),
        network(attention, "instance", "relu", false, "transposed"),
        network(attention, "none", "leaky_relu", true, "nearest_conv"),
        network(nested, "batch", "silu", true, ""),
        network(nested, "group", "relu", false, ""),
        network(nested, "instance", "leaky_relu", false, ""),
        network(nested, "none", "elu", true, ""),
        Case { name: "normalise image".into(), preprocess: "normalise = 'image'", ..Case::plain(unet) },
        Case { name: "normalise dataset".into(), preprocess: "normalise = 'dataset'", ..Case::plain(unet) },
        Case { name: "window".into(), preprocess: "intensity = 'window'\nwindow = [40, 200]", ..Case::plain(unet) },
        Case {
            name: "softmax".into(),
            dataset: FOLDERS,
            loss: "[loss]\nbce = 0\ndice = 0.5\nsoftmax_ce = { weight = 0.5 }",
            ..Case::plain(unet)
        },
        Case { name: "deep supervision".into(), model: "deep_supervision = true".into(), ..Case::plain(nested) },
    ]
}

/// Numbers that look random, the same each time.
fn noise(at: usize) -> usize {
    (at.wrapping_mul(2_654_435_761) >> 7) % 1009
}

/// An image of which 8 × 8 pixels each have a colour, channels last.
fn image((height, width): (usize, usize)) -> Vec<u8> {
    let value = |y: usize, x: usize, c: usize| (noise((y / 8 * width + x / 8) * CHANNELS + c) * 255 / 1008) as u8;
    (0..height * width * CHANNELS).map(|at| value(at / CHANNELS / width, at / CHANNELS % width, at % CHANNELS)).collect()
}

fn write_png(path: &Path, (height, width): (usize, usize), color: png::ColorType, values: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), width as u32, height as u32);
    encoder.set_color(color);
    encoder.write_header().unwrap().write_image_data(values).unwrap();
}

/// The values of a 16-bit PNG in [0, 1].
fn read_png(path: &Path) -> Vec<f64> {
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Sixteen), "{}", path.display());
    bytes.chunks_exact(2).map(|pair| f64::from(u16::from_be_bytes([pair[0], pair[1]])) / 65535.0).collect()
}

/// Images and masks of classes that exclude each other, as [`FOLDERS`] names them.
fn write_folders(dir: &Path) {
    for number in 0..12 {
        let class = |at: usize| (noise(number * 16 + at / 32 / 8 * 4 + at % 32 / 8) % 3) as u8;
        let mask: Vec<u8> = (0..32 * 32).map(class).collect();
        let colours =
            (0..32 * 32 * CHANNELS).map(|at| noise(number + at) as u8 % 60 + 90 * mask[at / CHANNELS]).collect::<Vec<_>>();
        write_png(&dir.join(format!("folders/images/{number}.png")), (32, 32), png::ColorType::Rgb, &colours);
        write_png(&dir.join(format!("folders/masks/{number}.png")), (32, 32), png::ColorType::Grayscale, &mask);
    }
}

fn program() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/umlaut");
    let program = std::env::var_os("UMLAUT").map_or(built, PathBuf::from);
    program
        .canonicalize()
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo build` makes it, or name it with UMLAUT", program.display()))
}

fn umlaut(dir: &Path, arguments: &[&str]) {
    let output = Command::new(program()).args(arguments).current_dir(dir).output().unwrap();
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(output.status.success(), "umlaut {}: {said}", arguments.join(" "));
}

/// Probabilities by the program, class by class.
fn predicted(dir: &Path, size: (usize, usize)) -> Vec<f64> {
    let name = format!("{}x{}", size.0, size.1);
    let (file, tile, out) = (format!("{name}.png"), format!("{},{}", size.0, size.1), format!("out-{name}"));
    write_png(&dir.join(&file), size, png::ColorType::Rgb, &image(size));
    let how = ["--tiles", "--tile-size", &tile, "--probabilities", "--threshold", "0.5"];
    umlaut(dir, &[&["predict", "net", &file, "--out", &out], &how[..]].concat());
    let written: Vec<PathBuf> = fs::read_dir(dir.join(&out)).unwrap().map(|entry| entry.unwrap().path()).collect();
    let of_class = |class: &&str| {
        let is = |path: &&PathBuf| ["prob", class].iter().all(|part| path.file_name().unwrap().to_string_lossy().contains(part));
        written.iter().find(is).unwrap_or_else(|| panic!("no probabilities of {class} in {written:?}"))
    };
    CLASSES.iter().flat_map(|class| read_png(of_class(class))).collect()
}

/// Logits and probabilities by tract, with the size given to it: of a free height it does not know that twice a quarter of it is half of it, as where maps
/// of two levels are concatenated.
fn calculated(file: &Path, (height, width): (usize, usize)) -> TractResult<[Vec<f64>; 2]> {
    let shape = [1, height, width, CHANNELS];
    let model = tract_onnx::onnx().model_for_path(file)?.with_input_fact(0, u8::fact(shape).into())?;
    let outputs =
        model.into_optimized()?.into_runnable()?.run(tvec!(Tensor::from_shape(&shape, &image((height, width)))?.into()))?;
    let values = |at: usize| -> TractResult<Vec<f64>> {
        assert_eq!(outputs[at].shape(), [1, CLASSES.len(), height, width]);
        Ok(outputs[at].to_plain_array_view::<f32>()?.iter().map(|&value| f64::from(value)).collect())
    };
    Ok([values(0)?, values(1)?])
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(0.5 / 65535.0, 1.0 - 0.5 / 65535.0);
    (p / (1.0 - p)).ln()
}

/// The largest difference of logits, less what half a step of a 16-bit probability makes of them; NaN if one is.
fn difference(own: &[f64], logits: &[f64]) -> f64 {
    assert_eq!(own.len(), logits.len());
    let of = |(&p, theirs): (&f64, &f64)| (logit(p) - theirs).abs() - 0.5 / 65535.0 / (p * (1.0 - p)).max(1e-6);
    own.iter().zip(logits).map(of).fold(0.0, larger)
}

fn larger(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

#[test]
fn tract_calculates_what_the_program_predicts() {
    let scratch = tempfile::tempdir().unwrap();
    for case in cases() {
        let dir = tempfile::tempdir_in(&scratch).unwrap();
        let dir = dir.path();
        write_folders(dir);
        fs::write(dir.join("net.toml"), case.experiment()).unwrap();
        umlaut(dir, &["run", "net.toml", "--quiet"]);
        umlaut(dir, &["export", "onnx", "net", "--out", "net.onnx"]);
        for size in SIZES {
            let own = predicted(dir, size);
            let [logits, probabilities] =
                calculated(&dir.join("net.onnx"), size).unwrap_or_else(|e| panic!("{}, {size:?}: {e:?}", case.name));
            let mut off = difference(&own, &probabilities.into_iter().map(logit).collect::<Vec<_>>());
            if !case.softmax() {
                off = larger(off, difference(&own, &logits));
            }
            println!("{}, {size:?}: logits differ by {off:.1e}", case.name);
            assert!(off <= BOUND, "{}, {size:?}: logits differ by {off:.1e}", case.name);
        }
    }
}
