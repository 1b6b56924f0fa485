//! Speed of the 3×3 convolution on the layers of a U-Net with 64 channels at 224 × 224, and its share of the machine's peak.
//!
//!     cargo bench                        # all: about two minutes
//!     cargo bench -- forward             # those whose name contains it: forward, input_gradient, weight_gradient, F2, 64→64 …
//!     RAYON_NUM_THREADS=1 UMLAUT_CPU=avx2 cargo bench
//!
//! After criterion's report comes a table. GF/s counts the 2·9·in·out·h·w operations of the plain sum, whatever a kernel does instead:
//! Winograd's filtering needs fewer, so its share of the peak may pass 100 %. (Layers of 3 input channels are computed by the plain
//! sum in either variant, but for their input's gradient.) The peak is what one thread reaches in fused
//! multiply-adds on registers with the same vectors as the kernels, times the threads.

use criterion::{BenchmarkId, Criterion, Throughput};
use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};
use umlaut::ops::blocked::conv3x3::{Finish, Method, Variant, forward, input_gradient, weight_gradient};
use umlaut::ops::blocked::simd::{Kernel, LANES, Level, Simd, level};
use umlaut::ops::blocked::{Blocked, Shape, pack};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Input channels, output channels, side.
const LAYERS: [(usize, usize, usize); 6] =
    [(3, 64, 224), (64, 64, 224), (128, 128, 112), (256, 256, 56), (512, 512, 28), (1024, 1024, 14)];

/// A line of the table.
struct Measured {
    name: String,
    operations: f64,
    /// Seconds of a call, one for each of criterion's samples.
    samples: Vec<f64>,
}

/// A layer's tensors.
struct Layer {
    name: String,
    channels: usize,
    operations: f64,
    from: Shape,
    to: Shape,
    x: Vec<f32>,
    dy: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    fn new((inputs, outputs, side): (usize, usize, usize)) -> Self {
        let shape = |c| Shape { n: 1, c, h: side, w: side };
        let (from, to) = (shape(inputs), shape(outputs));
        Self {
            name: format!("{inputs}→{outputs} {side}²"),
            channels: inputs,
            operations: (2 * 9 * inputs * outputs * side * side) as f64,
            from,
            to,
            x: pack(&numbers(inputs * side * side), from),
            dy: pack(&numbers(outputs * side * side), to),
            weights: numbers(outputs * inputs * 9),
            bias: numbers(outputs),
        }
    }

    fn run(&self, pass: &str, method: Method) {
        let (x, dy) = (Blocked::new(self.from, &self.x), Blocked::new(self.to, &self.dy));
        match pass {
            "forward" => drop(black_box(forward(method, &[x], false, &self.weights, Finish::bias(&self.bias)))),
            "input_gradient" => drop(black_box(input_gradient(method, dy, false, &self.weights, &[self.channels]))),
            _ => drop(black_box(weight_gradient(method, &[x], false, dy))),
        }
    }
}

/// Numbers in [−0.5, 0.5) without a pattern that would matter: nothing is denormal, and speed depends on nothing else.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5).collect()
}

fn main() {
    // As in the program: this thread works along with the pool's. It fails only where there is a pool already.
    _ = rayon::ThreadPoolBuilder::new().use_current_thread().build_global();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args();
    let table = RefCell::new(Vec::new());
    for pass in ["forward", "input_gradient", "weight_gradient"] {
        for layer in LAYERS {
            bench(&mut criterion, pass, &Layer::new(layer), &table);
        }
    }
    criterion.final_summary();
    print(&table.into_inner());
}

/// All variants of a pass through a layer.
fn bench(criterion: &mut Criterion, pass: &str, layer: &Layer, table: &RefCell<Vec<Measured>>) {
    let mut group = criterion.benchmark_group(pass);
    group.throughput(Throughput::Elements(layer.operations as u64));
    let bf16 = (level() == Level::Avx512Bf16).then_some(Variant::F2Bf16);
    for variant in [Variant::F2, Variant::F4].into_iter().chain(bf16) {
        let method = Method { forward: variant, gradients: variant, ..Method::default() };
        let samples = RefCell::new(Vec::new());
        group.bench_function(BenchmarkId::new(format!("{variant:?}"), &layer.name), |bencher| {
            bencher.iter_custom(|calls| {
                let start = Instant::now();
                (0..calls).for_each(|_| layer.run(pass, method));
                let taken = start.elapsed();
                samples.borrow_mut().push(taken.as_secs_f64() / calls as f64);
                taken
            });
        });
        let samples = samples.into_inner();
        // Criterion calls nothing that its filter leaves out.
        if !samples.is_empty() {
            let name = format!("{pass} {variant:?} {}", layer.name);
            table.borrow_mut().push(Measured { name, operations: layer.operations, samples });
        }
    }
    group.finish();
}

fn print(table: &[Measured]) {
    if table.is_empty() {
        return;
    }
    let threads = rayon::current_num_threads();
    let peak = peak() * threads as f64;
    println!("\n{threads} threads, {}: peak {:.0} GF/s f32\n", level().name(), peak / 1e9);
    println!("{:40} {:>9} {:>8} {:>8}", "", "ms", "GF/s", "of peak");
    for Measured { name, operations, samples } in table {
        let mut samples = samples.clone();
        samples.sort_by(f64::total_cmp);
        let seconds = samples[samples.len() / 2];
        let rate = operations / seconds;
        println!("{name:40} {:9.3} {:8.0} {:6.0} %", seconds * 1e3, rate / 1e9, 100.0 * rate / peak);
    }
}

/// Operations a second of one thread: the best of a few attempts.
fn peak() -> f64 {
    (0..20).map(|_| level().run(MultiplyAdds)).fold(0.0, f64::max)
}

/// Fused multiply-adds on registers.
struct MultiplyAdds;

impl Kernel for MultiplyAdds {
    /// Operations a second.
    type Output = f64;

    /// As many chains as hide a latency of 4 at two operations a cycle, and fit the registers: a vector takes 1 of AVX-512's 32,
    /// 2 of AVX2's 16, 4 of the 16 that portable code may count on.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f64 {
        match S::LEVEL {
            Level::Avx512 | Level::Avx512Bf16 => chains::<S, 12>(s),
            Level::Avx2 => chains::<S, 5>(s),
            Level::Portable => chains::<S, 2>(s),
        }
    }
}

#[inline(always)]
fn chains<S: Simd, const CHAINS: usize>(s: S) -> f64 {
    const ROUNDS: usize = 1_000_000;
    let (factor, addend) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
    let mut chains = [s.splat(black_box(1.0)); CHAINS];
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for chain in &mut chains {
            *chain = s.fma(*chain, factor, addend);
        }
    }
    let mut sum = s.zero();
    for chain in chains {
        sum = s.add(sum, chain);
    }
    black_box(s.sum(sum));
    (2 * LANES * CHAINS * ROUNDS) as f64 / start.elapsed().as_secs_f64()
}
