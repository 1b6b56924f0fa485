//! What works of a GPU and its libraries, layer by layer: each function tries one, with no more of the others than it needs, and says in
//! a line what it found. A library may end the process or never return, so whoever asks runs each in a process of its own.

#[cfg(feature = "cudnn")]
use super::Array;
use super::check::{Comparison, one};
use super::driver::{self, Driver};
use super::kernels::compile;
#[cfg(feature = "cudnn")]
use super::problem::{Convolution, Pass, Problem, Tensors};
use super::{Convolutions, Gpu, Kind, library};
use crate::config::Precision;
use candle_core::{Error, Result, bail};
use std::rc::Rc;
use std::time::Instant;

/// Bytes of a mebibyte.
const MIB: usize = 1 << 20;

fn words(why: String) -> Error {
    Error::Msg(why)
}

/// What the comparisons gave, in a line.
///
/// # Errors
/// If one of them misses its tolerance.
pub fn judged(comparisons: &[Comparison]) -> Result<String> {
    let missed: Vec<String> = comparisons.iter().filter(|c| !c.passes()).map(said).collect();
    if !missed.is_empty() {
        bail!("wrong numbers: {}", missed.join("; "))
    }
    let worst =
        comparisons.iter().max_by(|a, b| (a.error / a.tolerance.max(1e-30)).total_cmp(&(b.error / b.tolerance.max(1e-30))));
    Ok(format!("{} results as the CPU's, the worst {}", comparisons.len(), worst.map_or(String::new(), said)))
}

fn said(Comparison { what, error, tolerance }: &Comparison) -> String {
    format!("{what}, off by {error:.1e} of {tolerance:.0e}")
}

/// The driver: whether it opens and starts, its version, how many devices it has.
///
/// # Errors
/// What fails.
pub fn driver() -> Result<String> {
    let path = library::driver().map_err(words)?.path.display();
    let began = Instant::now();
    let there = driver::count().map_err(words)?;
    let seconds = began.elapsed().as_secs_f64();
    if there == 0 {
        bail!("{path} starts and knows of no GPU; is CUDA_VISIBLE_DEVICES set?")
    }
    Ok(format!("{path}, CUDA {}, devices {there}, started in {seconds:.2} s", driver::version()?))
}

/// The device: its context and properties.
///
/// # Errors
/// What fails.
pub fn device(ordinal: usize) -> Result<String> {
    let began = Instant::now();
    let driver = Driver::open(ordinal)?;
    let seconds = began.elapsed().as_secs_f64();
    let (about, gb) = (&driver.description, |bytes: usize| bytes as f64 / 1e9);
    Ok(format!(
        "{}, compute capability {}.{}, {} multiprocessors, {:.1} GB, {:.1} GB free, context in {seconds:.2} s",
        about.name,
        about.capability / 10,
        about.capability % 10,
        driver.multiprocessors()?,
        gb(about.memory),
        gb(driver.free_memory()?)
    ))
}

/// The run-time compiler: all kernels, compiled anew, for compute capability 9.0. The driver has no part in it.
///
/// # Errors
/// What fails.
pub fn compiler() -> Result<String> {
    let path = library::compiler().map_err(words)?.path.display();
    let capability = 90;
    let mut compiled = Vec::new();
    for (kind, name) in [(Kind::F32, "f32"), (Kind::Bf16, "bf16")] {
        let began = Instant::now();
        let code = compile(kind, capability).map_err(words)?;
        compiled.push(format!("{name} kernels of {} bytes in {:.2} s", code.len(), began.elapsed().as_secs_f64()));
    }
    Ok(format!("{path}, for sm_{capability}: {}", compiled.join(", ")))
}

/// A device whose convolutions need no library.
fn plain(ordinal: usize) -> Result<Rc<Gpu>> {
    Gpu::with(ordinal, Precision::F32, |_| Ok(Convolutions::Plain("none is asked for".into())))
}

/// A kernel of ours: loaded, started, its numbers compared.
///
/// # Errors
/// What fails.
pub fn kernel(ordinal: usize) -> Result<String> {
    let began = Instant::now();
    let gpu = plain(ordinal)?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(format!("kernels loaded in {seconds:.2} s; {}", judged(&one(&gpu, Precision::F32, false, true)?)?))
}

/// Memory: a quarter of what is free, or 1 GiB (64 MiB if `small`), written, copied on the device and read back.
///
/// # Errors
/// What fails.
pub fn memory(ordinal: usize, small: bool) -> Result<String> {
    const TIMES: usize = 10;
    let gpu = plain(ordinal)?;
    let most = if small { 64 * MIB } else { 1024 * MIB };
    let half = (gpu.free_memory()? / 4).min(most) / 2 / MIB * MIB;
    let (from, to) = (gpu.zeros(Kind::U8, half)?, gpu.array(Kind::U8, half)?);
    let pattern: Vec<u8> = (0..MIB).map(|i| (i * 31 % 251) as u8).collect();
    let last = half - MIB;
    for start in [0, last] {
        gpu.put(&from.part(start, MIB), &pattern)?;
    }
    gpu.synchronise()?;
    let began = Instant::now();
    for _ in 0..TIMES {
        // SAFETY: both arrays have `half` bytes and are apart.
        unsafe { gpu.driver.copy(to.address(), from.address(), half)? };
    }
    gpu.synchronise()?;
    let rate = 2.0 * (TIMES * half) as f64 / began.elapsed().as_secs_f64().max(1e-9) / 1e9;
    for start in [0, last] {
        if gpu.download::<u8>(&to.part(start, MIB))? != pattern {
            bail!("what was copied on the device is not what was written, at byte {start} of {half}")
        }
    }
    Ok(format!("{} MiB held and right, copied on the device at {rate:.0} GB/s (read and written)", 2 * half / MIB))
}

/// cuBLASLt, which cuDNN cannot be without.
///
/// # Errors
/// What fails.
#[cfg(feature = "cudnn")]
pub fn cublas_lt() -> Result<String> {
    let opened = library::cublas_lt().map_err(words)?;
    // SAFETY: so cublasLt.h declares it.
    let ask = unsafe { opened.function::<unsafe extern "C" fn() -> usize>("cublasLtGetVersion") };
    let Some(ask) = ask else { bail!("{}: it has no cublasLtGetVersion, which cuDNN asks for", opened.path.display()) };
    // SAFETY: as above.
    let version = unsafe { ask() };
    Ok(format!("{}, version {}.{}.{}", opened.path.display(), version / 10_000, version / 100 % 100, version % 100))
}

/// cuDNN: opened and started, asked for the ways to compute a convolution; with what it knows of the device, as JSON, in further lines where
/// it tells.
///
/// # Errors
/// What fails.
#[cfg(feature = "cudnn")]
pub fn cudnn(ordinal: usize) -> Result<String> {
    let path = library::cudnn().map_err(words)?.path.display();
    let driver = Rc::new(Driver::open(ordinal)?);
    let began = Instant::now();
    let cudnn = super::cudnn::Cudnn::new(&driver, Precision::F32, true)?;
    let seconds = began.elapsed().as_secs_f64();
    let ways = cudnn.ways(Pass::Forward, PROBLEM)?;
    let json = cudnn.device_properties(ordinal).map_or(String::new(), |json| format!("\n{json}"));
    Ok(format!("{path}, {}, started in {seconds:.2} s; {ways}{json}", cudnn.name()))
}

/// A small convolution.
#[cfg(feature = "cudnn")]
const PROBLEM: Problem = Problem { n: 2, h: 24, w: 24, c: 8, k: 16, side: 3, pad: 1, stride: 1 };

/// One convolution with its gradients, compared: with `small`, not at a size that networks train at.
///
/// # Errors
/// What fails.
pub fn convolution(ordinal: usize, precision: Precision, small: bool) -> Result<String> {
    let gpu = Gpu::open(ordinal, precision, true)?;
    let comparisons = one(&gpu, precision, true, small)?;
    Ok(format!("by {}: {}", gpu.convolutions(), judged(&comparisons)?))
}

/// Seconds that each of these convolutions takes, the mean of some runs after a first one.
///
/// # Errors
/// What fails.
#[cfg(feature = "cudnn")]
pub fn seconds(ordinal: usize, precision: Precision, convolutions: &[Convolution]) -> Result<Vec<f64>> {
    const TIMES: u32 = 10;
    let gpu = Gpu::open(ordinal, precision, true)?;
    let mut all = Vec::new();
    for &Convolution { pass, problem: p } in convolutions {
        let filled = |count: usize| noise(&gpu, count);
        let x = filled(p.n * p.h * p.w * p.c)?;
        let (weight, y) = (filled(p.weights())?, filled(p.n * p.out(p.h) * p.out(p.w) * p.k)?);
        let pass = if gpu.serves(pass, p) { pass } else { pass.bare() };
        let bias = (pass.bare() != pass).then(|| filled(p.k)).transpose()?;
        let bias = bias.as_ref();
        let run = || gpu.convolve(pass, p, Tensors { x: &x, weight: &weight, y: &y, bias });
        run()?;
        gpu.synchronise()?;
        let began = Instant::now();
        for _ in 0..TIMES {
            run()?;
        }
        gpu.synchronise()?;
        all.push((began.elapsed() / TIMES).as_secs_f64());
    }
    Ok(all)
}

/// A map of numbers in [−1, 1): a GPU that multiplies zeros is faster than one that trains.
#[cfg(feature = "cudnn")]
fn noise(gpu: &Gpu, count: usize) -> Result<Array> {
    let numbers = (0..count).map(|i| (i * 7919 % 1009) as f32 / 504.5 - 1.0);
    match gpu.map_kind() {
        Kind::Bf16 => gpu.upload(Kind::Bf16, &numbers.map(half::bf16::from_f32).collect::<Vec<_>>()),
        kind => gpu.upload(kind, &numbers.collect::<Vec<_>>()),
    }
}

/// A graph: a convolution recorded and replayed, with the bits of one that was not.
///
/// # Errors
/// What fails.
#[cfg(feature = "cudnn")]
pub fn graph(ordinal: usize) -> Result<String> {
    let gpu = Gpu::open(ordinal, Precision::F32, true)?;
    let numbers = |count: usize| (0..count).map(|i| (i * 37 % 101) as f32 / 101.0).collect::<Vec<_>>();
    let p = PROBLEM;
    let x = gpu.upload(Kind::F32, &numbers(p.n * p.h * p.w * p.c))?;
    let weight = gpu.upload(Kind::F32, &numbers(p.k * p.side * p.side * p.c))?;
    let y = gpu.zeros(Kind::F32, p.n * p.h * p.w * p.k)?;
    let work = || gpu.convolve(Pass::Forward, p, Tensors { x: &x, weight: &weight, y: &y, bias: None });
    work()?;
    let right = gpu.download::<f32>(&y)?;
    y.clear(&gpu.driver)?;
    let graph = gpu.capture(work)?;
    if gpu.download::<f32>(&y)?.iter().any(|v| *v != 0.0) {
        bail!("work was done while it was recorded")
    }
    gpu.replay(&graph)?;
    if gpu.download::<f32>(&y)? != right || right.iter().all(|v| *v == 0.0) {
        bail!("a replayed convolution has other numbers than one that was not recorded")
    }
    Ok("a convolution was recorded and replayed, with the same bits".into())
}
