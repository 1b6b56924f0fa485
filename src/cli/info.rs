//! `umlaut info`: what this program is and what it makes of this machine.

use super::failure::Failure;
use comfy_table::{Table, presets};
use umlaut::config::Precision;
use umlaut::ops::blocked::simd::{Level, level};
use umlaut::{machine, ops};

pub fn run() -> Result<(), Failure> {
    let commit = option_env!("UMLAUT_GIT_COMMIT").map(|commit| format!(", commit {commit}")).unwrap_or_default();
    println!("umlaut {}{commit}\n", env!("CARGO_PKG_VERSION"));
    println!("processor     {}, {} cores", machine::processor(), machine::cores());
    if let Some(bytes) = machine::memory() {
        println!("memory        {:.1} GB", bytes as f64 / 1e9);
    }
    gpus().iter().for_each(|line| println!("GPU           {line}"));
    #[cfg(feature = "cuda")]
    println!("on GPUs       {}", on_gpus());
    println!("threads       {} (RAYON_NUM_THREADS sets another number)", rayon::current_num_threads());
    println!("instructions  {} (UMLAUT_CPU chooses another: {})\n", level().name(), others());
    println!("{}", table());
    Ok(())
}

/// One line per GPU, or one that gives the reason why there is none.
fn gpus() -> Vec<String> {
    let gpus = match machine::gpus() {
        _ if !cfg!(feature = "cuda") => return vec!["none; this program was built without CUDA".to_owned()],
        Ok(gpus) if gpus.is_empty() => return vec!["none".to_owned()],
        Ok(gpus) => gpus,
        Err(why) => return vec![format!("none: {why}")],
    };
    let line = |gpu: &machine::Gpu| {
        let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
        let memory = gpu.memory.map_or(String::new(), |m| format!(", {}, {} of it free", gb(m.total), gb(m.free)));
        format!("cuda:{}, {}{memory}, driver {}", gpu.index, gpu.name, gpu.driver)
    };
    gpus.iter().map(line).collect()
}

/// What the environment chooses for GPUs.
#[cfg(feature = "cuda")]
fn on_gpus() -> String {
    use umlaut::ops::cuda::{CHOICE, DIRECTORIES, GRAPHS};
    let value = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|v| !v.is_empty());
    let convolutions = value(CHOICE).unwrap_or_else(|| "cuDNN where it is".into());
    let graphs = value(GRAPHS).unwrap_or_else(|| "on".into());
    let places = value(DIRECTORIES).map_or(String::new(), |places| format!("; {DIRECTORIES}={places}"));
    format!("convolutions: {convolutions} ({CHOICE}: cudnn or plain); CUDA graphs: {graphs} ({GRAPHS}: on or off){places}")
}

/// The other instruction sets that this processor has.
fn others() -> String {
    let names: Vec<&str> = Level::ALL.into_iter().filter(|l| l.is_supported() && *l != level()).map(Level::name).collect();
    names.join(", ")
}

/// Kernels by operation, a column for each precision.
fn table() -> Table {
    let precisions = [Precision::F32, Precision::Tf32, Precision::Bf16];
    let columns = precisions.map(ops::kernels);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([&["precision"][..], &precisions.map(Precision::name)].concat());
    for (row, (operation, _)) in columns[0].iter().enumerate() {
        let cells = columns.iter().map(|column| column[row].1.clone());
        table.add_row(std::iter::once((*operation).to_owned()).chain(cells));
    }
    let last = precisions.len();
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if i == last { 0 } else { 2 }));
    }
    table
}
