// A 3x3 convolution of a map with upsampled sides, without the upsampled map: its four output phases (rows and columns even or odd) are
// convolutions 2x2 of the small map, since two of three rows that a phase reads are the same. All four are one convolution with
// four times the output channels, phase by phase, and a border of one: y[2i + a, 2j + b, k] = z[i + a, j + b, (a, b, k)].

// Which of the 2 rows of a phase reads row r of 3.
__device__ inline int tap(int phase, int r) { return phase == 0 ? r > 0 : r > 1; }

// Row t and column u of 2 of a phase's filter: the sum of those of 3 that read the same, of 8 channels from `filter` on.
__device__ inline eight folded_tap(const float* filter, int channels, int phase, int t, int u) {
  eight sum = {};
  for (int r = 0; r < 3; r++)
    for (int s = 0; s < 3; s++) {
      if (tap(phase / 2, r) != t || tap(phase % 2, s) != u) continue;
      eight w = load_f32(filter + (r * 3 + s) * channels);
      for (int i = 0; i < WIDTH; i++) sum.v[i] += w.v[i];
    }
  return sum;
}

// (k, 3, 3, c) in f32 to (4 k, 2, 2, c): rows that read the same are added.
extern "C" __global__ void __launch_bounds__(THREADS)
fold_weights(const float* __restrict__ weight, stored* __restrict__ folded, int outputs, int channels) {
  int vectors = channels / WIDTH;
  i64 all = (i64)16 * outputs * vectors;
  for (i64 at = first_index(); at < all; at += index_step()) {
    int c = at % vectors * WIDTH, u = at / vectors % 2, t = at / vectors / 2 % 2;
    i64 k = at / vectors / 4 % outputs;
    int phase = at / vectors / 4 / outputs;
    store(folded + at * WIDTH, folded_tap(weight + k * 9 * channels + c, channels, phase, t, u));
  }
}

// The gradient of the weights from that of the folded ones.
extern "C" __global__ void __launch_bounds__(THREADS)
fold_gradient(const stored* __restrict__ dfolded, stored* __restrict__ dweight, int outputs, int channels) {
  int vectors = channels / WIDTH;
  i64 all = (i64)9 * outputs * vectors;
  for (i64 at = first_index(); at < all; at += index_step()) {
    int c = at % vectors * WIDTH, s = at / vectors % 3, r = at / vectors / 3 % 3;
    i64 k = at / vectors / 9;
    eight sum = {};
    for (int phase = 0; phase < 4; phase++) {
      i64 row = (phase * outputs + k) * 4 + tap(phase / 2, r) * 2 + tap(phase % 2, s);
      eight d = load(dfolded + row * channels + c);
      for (int i = 0; i < WIDTH; i++) sum.v[i] += d.v[i];
    }
    store(dweight + at * WIDTH, sum);
  }
}

// z (n, h + 1, w + 1, 4 c) to y (n, 2h, 2w, c); `small` is (n, h, w, c).
extern "C" __global__ void __launch_bounds__(THREADS)
join_phases(const stored* __restrict__ z, stored* __restrict__ y, struct size small) {
  u32 vectors = small.c / WIDTH, h = 2 * small.h, w = 2 * small.w, all = small.n * h * w * vectors;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 p = at / vectors, vector = at % vectors;
    u32 column = p % w, row = p / w % h, n = p / w / h, a = row % 2, b = column % 2;
    u32 from = (n * (small.h + 1) + row / 2 + a) * (small.w + 1) + column / 2 + b;
    store_vector(y, at, load_vector(z, (from * 4 + a * 2 + b) * vectors + vector));
  }
}

// The way back; what no output came from is 0.
extern "C" __global__ void __launch_bounds__(THREADS)
part_phases(const stored* __restrict__ dy, stored* __restrict__ dz, struct size small) {
  u32 vectors = small.c / WIDTH, h = small.h + 1, w = small.w + 1, all = small.n * h * w * 4 * vectors;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 vector = at % vectors, phase = at / vectors % 4, p = at / vectors / 4;
    u32 column = p % w, row = p / w % h, n = p / w / h;
    int i = row - phase / 2, j = column - phase % 2;
    eight d = {};
    if (i >= 0 && i < small.h && j >= 0 && j < small.w) {
      u32 from = (n * 2 * small.h + 2 * i + phase / 2) * 2 * small.w + 2 * j + phase % 2;
      d = load_vector(dy, from * vectors + vector);
    }
    store_vector(dz, at, d);
  }
}
