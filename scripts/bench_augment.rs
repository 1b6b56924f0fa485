//! Whether augmentation keeps up with training: images a second of both, one after the other in one run.
//!
//!     cargo run --release --example bench_augment -- [SIZE [THREADS [BATCH]]]
//!
//! SIZE (224) is the side of drawn RGB images with two classes; THREADS (all of the machine) are those that a step computes on;
//! batches are of BATCH (5). First every change by itself and all together, each always happening, on one thread and on as many
//! as training makes batches ahead on; then the training step of a small and of the reference net in f32, with its loss and its
//! backward pass. The ratio is of images made to images trained on: above 1 training never waits.

use candle_core::Device;
use std::process::ExitCode;
use std::time::Instant;
use umlaut::config::{self, Augment, Loss, Model, Optimizer as Rule, Unet};
use umlaut::data::{self, Batch, Dataset, Draw};
use umlaut::model::{Mode, Weights, build};
use umlaut::ops::Tape;
use umlaut::train::{Optimizer, weighted_loss};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Error = Box<dyn std::error::Error>;

/// Every change, as a table of `[augment]`.
const CHANGES: [&str; 11] =
    ["rotate", "scale", "translate", "elastic", "brightness", "contrast", "saturation", "hue", "gamma", "blur", "noise"];

/// Seconds that each measurement takes at least.
const LEAST: f64 = 1.0;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_augment: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let machine = std::thread::available_parallelism()?.get();
    let [size, threads, batch] = [(0, 224), (1, machine), (2, 5)].map(|(at, or)| numbers.get(at).copied().unwrap_or(or));
    rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global()?;
    let dataset = dataset(size, batch)?;
    println!("{size} × {size} RGB, 2 classes, batches of {batch}, steps on {threads} threads; images a second\n");
    for name in CHANGES {
        println!("{name:<12} on 1 thread {:8.0}", made(&dataset, &augment(&[name])?, 1)?);
    }
    let all = augment(&CHANGES)?;
    let ahead = threads.div_ceil(4);
    let made = [made(&dataset, &all, 1)?, made(&dataset, &all, ahead)?];
    println!("{:<12} on 1 thread {:8.0}, on {ahead} ahead {:8.0}\n", "all", made[0], made[1]);
    let indices: Vec<usize> = (0..batch).collect();
    let plain = data::batch(&dataset, &indices, None, &Device::Cpu)?;
    for (name, channels) in [("small", vec![8, 16, 32]), ("reference", vec![64, 128, 256, 512, 1024])] {
        let trained = trained(&plain, channels)?;
        println!("{name:<12} net trains on {trained:8.1}: made / trained on = {:.1}", made[1] / trained);
    }
    Ok(())
}

fn dataset(size: usize, count: usize) -> Result<Dataset, Error> {
    let text = format!("name = 'x'\n[dataset.synthetic]\ncount = {}\nsize = [{size}, {size}]\n", count.max(3));
    let text = format!("{text}[preprocess]\nsize = [{size}, {size}]\n[model.unet]\nchannels = [4, 8]\n");
    let experiment = config::load_str("bench", &text).map_err(|problems| problems.to_string())?;
    let nowhere = std::env::temp_dir();
    Ok(data::open(&experiment.dataset, &experiment.preprocess, &nowhere, &|_, _| ())?)
}

/// These changes, always.
fn augment(changes: &[&str]) -> Result<Augment, Error> {
    let tables: String = changes.iter().map(|name| format!("[{name}]\nprobability = 1\n")).collect();
    Ok(toml::from_str(&tables)?)
}

/// Images a second that are made on so many threads.
fn made(dataset: &Dataset, augment: &Augment, threads: usize) -> Result<f64, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let indices: Vec<usize> = (0..dataset.samples.len()).collect();
    let mut epoch = 0;
    rate(indices.len(), || {
        epoch += 1;
        let draw = Draw { augment, patches: None, seed: 1, epoch };
        pool.install(|| data::batch(dataset, &indices, Some(draw), &Device::Cpu)).map(drop)
    })
}

/// Images a second that a net of these channels trains on.
fn trained(batch: &Batch, channels: Vec<usize>) -> Result<f64, Error> {
    let (count, in_channels, classes) = (batch.images.dim(0)?, batch.images.dim(1)?, batch.targets.dim(1)?);
    let model = Model::Unet(Unet { channels, ..Unet::default() });
    let network = build(&model, in_channels, classes, Weights::Seed(1), &Device::Cpu)?;
    let mut optimizer = Optimizer::new(&Rule::default(), &network.params().trained);
    rate(count, || {
        let tape = Tape::training();
        let logits = network.forward(&tape, &batch.images, Mode::Train)?;
        let loss = weighted_loss(&tape, &logits, &batch.targets, &Loss::default())?;
        let gradients = tape.backward(&loss.sum)?;
        optimizer.step(&network.params().trained, &gradients, 1e-3)
    })
}

/// Images a second, after one time that does not count.
fn rate(images: usize, mut once: impl FnMut() -> candle_core::Result<()>) -> Result<f64, Error> {
    once()?;
    let (began, mut times) = (Instant::now(), 0);
    while began.elapsed().as_secs_f64() < LEAST {
        once()?;
        times += 1;
    }
    Ok((images * times) as f64 / began.elapsed().as_secs_f64())
}
