// The 1x1 convolution from a map to logits (n, class, pixel), in f32, with the weights (class, channel) as they are.

#define HEADS 8

// A thread a pixel, up to 8 classes at a time.
extern "C" __global__ void __launch_bounds__(THREADS)
head(const stored* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ bias, float* __restrict__ logits, i64 plane,
     int samples, int channels, int classes) {
  u32 side = plane, all = side * samples;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 n = at / side, p = at % side;
    for (int first = 0; first < classes; first += HEADS) {
      float sum[HEADS] = {};
      for (int c = 0; c < channels; c += WIDTH) {
        eight here = load(x + (i64)at * channels + c);
#pragma unroll
        for (int o = 0; o < HEADS; o++)
          if (first + o < classes) {
            eight w = load_f32(weight + (i64)(first + o) * channels + c);
            for (int i = 0; i < WIDTH; i++) sum[o] += here.v[i] * w.v[i];
          }
      }
#pragma unroll
      for (int o = 0; o < HEADS; o++)
        if (first + o < classes) logits[((i64)n * classes + first + o) * plane + p] = sum[o] + bias[first + o];
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS)
head_input_gradient(const float* __restrict__ dy, const float* __restrict__ weight, stored* __restrict__ dx, i64 plane, int samples,
                    int channels, int classes) {
  u32 vectors = channels / WIDTH, side = plane, all = side * samples * vectors;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 row = at / vectors, n = row / side, p = row % side, channel = at % vectors * WIDTH;
    eight sum = {};
    for (int o = 0; o < classes; o++) {
      float d = dy[((i64)n * classes + o) * plane + p];
      eight w = load_f32(weight + (i64)o * channels + channel);
      for (int i = 0; i < WIDTH; i++) sum.v[i] += d * w.v[i];
    }
    store_vector(dx, at, sum);
  }
}

// Partial sums of dy * x, and of dy, for the class blockIdx.z: partial[class][block][sum][channel].
extern "C" __global__ void __launch_bounds__(THREADS)
head_weight_gradient(const float* __restrict__ dy, const stored* __restrict__ x, float* __restrict__ partial, i64 plane, int samples,
                     int channels, int classes, int lanes) {
  __shared__ float shared[THREADS][2 * WIDTH];
  int channel = own_channel(lanes);
  u32 side = plane, rows = side * samples;
  eight product = {}, sum = {};
  if (channel < channels)
    for (u32 row = first_row(lanes); row < rows; row += row_step(lanes)) {
      float d = dy[((i64)(row / side) * classes + blockIdx.z) * plane + row % side];
      eight here = load(x + (i64)row * channels + channel);
      for (int i = 0; i < WIDTH; i++) { product.v[i] += d * here.v[i]; sum.v[i] += d; }
    }
  write_sums(product, sum, partial, channels, lanes, shared);
}

// dweight (class, channel) and dbias (class), a block a number of the first; rows of no class are left alone.
extern "C" __global__ void __launch_bounds__(THREADS)
head_gradients(const float* __restrict__ partial, int blocks, int channels, stored* dweight, float* dbias) {
  __shared__ double shared[THREADS];
  int o = blockIdx.x / channels, c = blockIdx.x % channels;
  const float* sums = partial + (i64)o * blocks * 2 * channels;
  double weight = add_up(sums, blocks, channels, 0, c, shared), bias = add_up(sums, blocks, channels, 1, c, shared);
  if (threadIdx.x != 0) return;
  dweight[blockIdx.x] = narrow(weight);
  if (c == 0) dbias[o] = bias;
}
