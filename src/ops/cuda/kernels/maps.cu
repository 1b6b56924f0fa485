// Maps into other maps: pooling, doubling, channels of one into another.

struct size { int n, h, w, c; };

// Where a pixel begins, and one so many rows and columns further on.
__device__ inline i64 pixel(const size& s, u32 n, u32 y, u32 x) { return (i64)((n * s.h + y) * s.w + x) * s.c; }
__device__ inline i64 further(const size& s, int rows, int columns) { return ((i64)rows * s.w + columns) * s.c; }

// The largest of every 2x2 square; `from` is the large map's size.
extern "C" __global__ void __launch_bounds__(THREADS)
max_pool(const stored* __restrict__ x, stored* __restrict__ y, struct size from) {
  u32 vectors = from.c / WIDTH, h = from.h / 2, w = from.w / 2, all = from.n * h * w * vectors;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 p = at / vectors, channel = at % vectors * WIDTH;
    u32 column = p % w, row = p / w % h, n = p / w / h;
    const stored* corner = x + pixel(from, n, 2 * row, 2 * column) + channel;
    eight best = load(corner);
    for (int k = 1; k < 4; k++) {
      eight next = load(corner + further(from, k / 2, k % 2));
      // The first that is largest, a NaN being larger than all.
      for (int i = 0; i < WIDTH; i++)
        if (next.v[i] > best.v[i] || (next.v[i] != next.v[i] && best.v[i] == best.v[i])) best.v[i] = next.v[i];
    }
    store_vector(y, at, best);
  }
}

// The gradient goes to the first largest; it is added to what is there if `adding`.
extern "C" __global__ void __launch_bounds__(THREADS)
max_pool_gradient(const stored* __restrict__ x, const stored* __restrict__ dy, stored* __restrict__ dx, struct size from, int adding) {
  u32 vectors = from.c / WIDTH, h = from.h / 2, w = from.w / 2, all = from.n * h * w * vectors;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 p = at / vectors, channel = at % vectors * WIDTH;
    u32 column = p % w, row = p / w % h, n = p / w / h;
    i64 corner = pixel(from, n, 2 * row, 2 * column) + channel;
    eight best = load(x + corner), g = load_vector(dy, at);
    int where[WIDTH] = {};
    for (int k = 1; k < 4; k++) {
      eight next = load(x + corner + further(from, k / 2, k % 2));
      for (int i = 0; i < WIDTH; i++)
        if (next.v[i] > best.v[i] || (next.v[i] != next.v[i] && best.v[i] == best.v[i])) { best.v[i] = next.v[i]; where[i] = k; }
    }
    for (int k = 0; k < 4; k++) {
      stored* to = dx + corner + further(from, k / 2, k % 2);
      eight d = {};
      if (adding) d = load(to);
      for (int i = 0; i < WIDTH; i++)
        if (where[i] == k) d.v[i] += g.v[i];
      store(to, d);
    }
  }
}

// `count` channels of every pixel, from the one at `from_at` to the one at `to_at`; all of these are multiples of 8.
extern "C" __global__ void __launch_bounds__(THREADS)
copy_channels(const stored* __restrict__ from, int from_c, int from_at, stored* __restrict__ to, int to_c, int to_at, int count, i64 rows) {
  u32 vectors = count / WIDTH, all = rows * vectors;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    i64 row = at / vectors, channel = at % vectors * WIDTH;
    store(to + row * to_c + to_at + channel, load(from + row * from_c + from_at + channel));
  }
}

// The same, one by one, where they are not.
extern "C" __global__ void __launch_bounds__(THREADS)
copy_single_channels(const stored* __restrict__ from, int from_c, int from_at, stored* __restrict__ to, int to_c, int to_at, int count,
                     i64 rows) {
  i64 all = rows * count;
  for (i64 at = first_index(); at < all; at += index_step()) {
    i64 row = at / count;
    int channel = at % count;
    to[row * to_c + to_at + channel] = from[row * from_c + from_at + channel];
  }
}

// a += b; the number of both is a multiple of 8.
extern "C" __global__ void __launch_bounds__(THREADS) add_maps(stored* __restrict__ a, const stored* __restrict__ b, i64 count) {
  for (u32 at = first_of_map(); at < count / WIDTH; at += step_in_map()) {
    eight sum = load_vector(a, at), more = load_vector(b, at);
    for (int i = 0; i < WIDTH; i++) sum.v[i] += more.v[i];
    store_vector(a, at, sum);
  }
}

// What is done to a sample: where its pixel (y, x) comes from. Flips first, then quarter turns counter-clockwise.
struct motion { int sample, flip_horizontal, flip_vertical, quarter_turns; };

__device__ inline i64 origin(const struct motion& m, int y, int x, int h, int w) {
  int row = y, column = x;
  if (m.quarter_turns == 1) { row = x; column = w - 1 - y; }
  if (m.quarter_turns == 2) { row = h - 1 - y; column = w - 1 - x; }
  if (m.quarter_turns == 3) { row = h - 1 - x; column = y; }
  if (m.flip_vertical) row = h - 1 - row;
  if (m.flip_horizontal) column = w - 1 - column;
  return (i64)row * w + column;
}

// A batch out of the data set, a thread a pixel: images (sample, channel, y, x) to a map, masks (sample, class, y, x) to targets of
// the same order, and with them weights of their pixels, if there are any.
extern "C" __global__ void __launch_bounds__(THREADS)
gather(const float* __restrict__ images, const u8* __restrict__ masks, const float* weights, const struct motion* __restrict__ motions,
       stored* __restrict__ x, u8* __restrict__ targets, float* target_weights, struct size to, int channels, int classes) {
  u32 plane = to.h * to.w, all = to.n * plane;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 n = at / plane, p = at % plane;
    struct motion m = motions[n];
    i64 from = origin(m, p / to.w, p % to.w, to.h, to.w);
    for (int c = 0; c < to.c; c++)
      x[(i64)at * to.c + c] = narrow(c < channels ? images[((i64)m.sample * channels + c) * plane + from] : 0);
    for (int c = 0; c < classes; c++) {
      i64 there = ((i64)n * classes + c) * plane + p, here = ((i64)m.sample * classes + c) * plane + from;
      targets[there] = masks[here];
      if (weights) target_weights[there] = weights[here];
    }
  }
}
