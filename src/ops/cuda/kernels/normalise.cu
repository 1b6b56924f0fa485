// Normalisation with the activation after it, and sums over channels.
//
// What is done to a channel is a scale and shift, (x - mean) * slope + bias, and what follows it; `affine` holds mean, slope, bias and
// 1/sqrt(var + eps), `channels` numbers each, for the whole batch or for each sample (one after the other).

#define MEAN 0
#define SLOPE 1
#define BIAS 2
#define INVERSE 3
#define AFFINE 4
#define COEFFICIENTS 3
#define MOMENTUM 0.1

// Two sums of a block over its rows for 8 channels a thread; `lanes` threads side by side take neighbouring channels. Written to
// partial[sample][block][sum][channel].
__device__ inline void write_sums(const eight& a, const eight& b, float* partial, int channels, int lanes, float (*shared)[2 * WIDTH]) {
  int lane = threadIdx.x % lanes, row = threadIdx.x / lanes;
  for (int i = 0; i < WIDTH; i++) { shared[threadIdx.x][i] = a.v[i]; shared[threadIdx.x][WIDTH + i] = b.v[i]; }
  __syncthreads();
  for (int half = THREADS / lanes / 2; half > 0; half /= 2) {
    if (row < half)
      for (int i = 0; i < 2 * WIDTH; i++) shared[threadIdx.x][i] += shared[threadIdx.x + half * lanes][i];
    __syncthreads();
  }
  int channel = (blockIdx.y * lanes + lane) * WIDTH;
  if (row == 0 && channel < channels) {
    float* to = partial + ((i64)blockIdx.z * gridDim.x + blockIdx.x) * 2 * channels + channel;
    for (int i = 0; i < WIDTH; i++) { to[i] = shared[threadIdx.x][i]; to[channels + i] = shared[threadIdx.x][WIDTH + i]; }
  }
}

__device__ inline void add_moments(const eight& here, const eight& pivot, eight& sum, eight& squares) {
  for (int i = 0; i < WIDTH; i++) {
    float d = here.v[i] - pivot.v[i];
    sum.v[i] += d;
    squares.v[i] += d * d;
  }
}

// Sums of x - pivot and of its square, the pivot being the sample's first row: it keeps the variance exact where the mean is large.
extern "C" __global__ void __launch_bounds__(THREADS)
moments(const stored* __restrict__ x, float* __restrict__ partial, u32 rows, int channels, int lanes) {
  __shared__ float shared[THREADS][2 * WIDTH];
  int channel = own_channel(lanes);
  eight sum = {}, squares = {};
  if (channel < channels) {
    const stored* from = x + (i64)blockIdx.z * rows * channels + channel;
    eight pivot = load(from);
    u32 row = first_row(lanes), step = row_step(lanes);
    // Two rows are on their way at a time; they are added one after the other.
    for (; row + step < rows; row += 2 * step) {
      eight here = load(from + (i64)row * channels), next = load(from + (i64)(row + step) * channels);
      add_moments(here, pivot, sum, squares);
      add_moments(next, pivot, sum, squares);
    }
    if (row < rows) add_moments(load(from + (i64)row * channels), pivot, sum, squares);
  }
  write_sums(sum, squares, partial, channels, lanes, shared);
}

// What all blocks left for a channel, added up by the threads of this block together.
__device__ inline double add_up(const float* __restrict__ partial, int blocks, int channels, int which, int channel, double* shared) {
  double sum = 0;
  for (int block = threadIdx.x; block < blocks; block += THREADS) sum += partial[((i64)block * 2 + which) * channels + channel];
  return block_sum(sum, shared);
}

// Scales and shifts of batch statistics, a block a channel; the running ones move towards them. `shift` is the convolution's bias, which x does not hold yet: it moves the
// mean and is then taken away again.
extern "C" __global__ void __launch_bounds__(THREADS)
batch_affine(const float* __restrict__ partial, int blocks, const stored* __restrict__ x, i64 rows, int channels, const float* weight,
            const float* bias, const float* shift, float* running_mean, float* running_var, float* __restrict__ affine) {
  __shared__ double shared[THREADS];
  int c = blockIdx.x;
  double count = rows;
  double mean = add_up(partial, blocks, channels, 0, c, shared) / count;
  double squares = add_up(partial, blocks, channels, 1, c, shared) - mean * mean * count;
  if (threadIdx.x != 0) return;
  if (squares < 0) squares = 0;
  double inverse = 1 / sqrt(squares / count + EPSILON);
  mean += wide(x[c]);
  affine[MEAN * channels + c] = mean;
  affine[SLOPE * channels + c] = inverse * weight[c];
  affine[BIAS * channels + c] = bias[c];
  affine[INVERSE * channels + c] = inverse;
  double moved = mean + (shift ? (double)shift[c] : 0);
  running_mean[c] = (1 - MOMENTUM) * running_mean[c] + MOMENTUM * moved;
  running_var[c] = (1 - MOMENTUM) * running_var[c] + MOMENTUM * (squares / (count - 1));
}

// Scales and shifts of the running statistics.
extern "C" __global__ void
running_affine(int channels, const float* weight, const float* bias, const float* shift, const float* running_mean,
              const float* running_var, float* __restrict__ affine) {
  int c = first_index();
  if (c >= channels) return;
  double inverse = 1 / sqrt((double)running_var[c] + EPSILON);
  affine[MEAN * channels + c] = running_mean[c] - (shift ? shift[c] : 0);
  affine[SLOPE * channels + c] = inverse * weight[c];
  affine[BIAS * channels + c] = bias[c];
  affine[INVERSE * channels + c] = inverse;
}

// Scales and shifts that only add a bias.
extern "C" __global__ void plain_affine(int channels, const float* shift, float* __restrict__ affine) {
  int c = first_index();
  if (c >= channels) return;
  affine[MEAN * channels + c] = 0;
  affine[SLOPE * channels + c] = 1;
  affine[BIAS * channels + c] = shift ? shift[c] : 0;
  affine[INVERSE * channels + c] = 1;
}

// Backward coefficients of scales and shifts that only add a bias: the gradient as it is.
extern "C" __global__ void plain_coefficients(int channels, float* __restrict__ coefficients) {
  int c = first_index();
  if (c >= channels) return;
  coefficients[c] = 1;
  coefficients[channels + c] = coefficients[2 * channels + c] = 0;
}

// Scales and shifts of group statistics: a block a group of `size` channels of a sample. Channels of no group get zeros, by a block more.
extern "C" __global__ void __launch_bounds__(THREADS)
group_affine(const float* __restrict__ partial, int blocks, const stored* __restrict__ x, i64 rows, int channels, int groups, int size,
            const float* weight, const float* bias, const float* shift, float* __restrict__ affine) {
  __shared__ double shared[THREADS];
  int sample = blockIdx.x / (groups + 1), group = blockIdx.x % (groups + 1);
  float* to = affine + (i64)sample * AFFINE * channels;
  if (group == groups) {
    for (int c = groups * size + threadIdx.x; c < channels; c += THREADS) to[MEAN * channels + c] = to[SLOPE * channels + c] = to[BIAS * channels + c] = to[INVERSE * channels + c] = 0;
    return;
  }
  const float* sums = partial + (i64)sample * blocks * 2 * channels;
  double count = 0, mean = 0, squares = 0, each = rows;
  for (int c = group * size; c < (group + 1) * size; c++) {
    double m = add_up(sums, blocks, channels, 0, c, shared) / each;
    double s = add_up(sums, blocks, channels, 1, c, shared) - m * m * each;
    m += (double)wide(x[(i64)sample * rows * channels + c]) + (shift ? (double)shift[c] : 0);
    // Chan, Golub and LeVeque 1983: moments of two parts together.
    double all = count + each, d = m - mean;
    mean += d * each / all;
    squares += (s < 0 ? 0 : s) + d * d * count * each / all;
    count = all;
  }
  double inverse = 1 / sqrt(squares / count + EPSILON);
  for (int c = group * size + threadIdx.x; c < (group + 1) * size; c += THREADS) {
    to[MEAN * channels + c] = mean - (shift ? (double)shift[c] : 0);
    to[SLOPE * channels + c] = inverse * weight[c];
    to[BIAS * channels + c] = bias[c];
    to[INVERSE * channels + c] = inverse;
  }
}

// The scale and shift of 8 channels.
struct line { eight mean, slope, bias; };

__device__ inline line line_of(const float* affine, int channels) {
  return {load_f32(affine + MEAN * channels), load_f32(affine + SLOPE * channels), load_f32(affine + BIAS * channels)};
}

__device__ inline eight on_line(const eight& x, const line& by) {
  eight y;
  for (int i = 0; i < WIDTH; i++) y.v[i] = (x.v[i] - by.mean.v[i]) * by.slope.v[i] + by.bias.v[i];
  return y;
}

// y = (x - mean) * slope + bias and what follows. Each sample that has a scale and shift of its own is a blockIdx.z, of so many rows; otherwise
// there is one. A thread keeps to its channels, so their numbers are read once.
extern "C" __global__ void __launch_bounds__(THREADS)
apply_affine(const stored* __restrict__ x, const float* __restrict__ affine, stored* __restrict__ y, u32 rows, int channels, int lanes, int then) {
  int channel = own_channel(lanes);
  if (channel >= channels) return;
  line by = line_of(affine + (i64)blockIdx.z * AFFINE * channels + channel, channels);
  i64 start = (i64)blockIdx.z * rows * channels + channel;
  for (u32 row = first_row(lanes); row < rows; row += row_step(lanes)) {
    i64 at = start + (i64)row * channels;
    eight value = on_line(load(x + at), by);
    follow(value, then);
    store(y + at, value);
  }
}

// The gradient of the scale and shift's result.
__device__ inline eight passed(eight dy, const eight& x, const line& by, int then) {
  if (then != NOTHING) follow_back(dy, on_line(x, by), then);
  return dy;
}

__device__ inline void add_products(const eight& g, const eight& x, const eight& mean, eight& sum, eight& product) {
  for (int i = 0; i < WIDTH; i++) {
    sum.v[i] += g.v[i];
    product.v[i] += g.v[i] * (x.v[i] - mean.v[i]);
  }
}

// Sums of g and of g * (x - mean), g being the gradient of the scale and shift's result.
extern "C" __global__ void __launch_bounds__(THREADS)
gradient_sums(const stored* __restrict__ dy, const stored* __restrict__ x, const float* __restrict__ affine, float* __restrict__ partial,
              u32 rows, int channels, int lanes, int then) {
  __shared__ float shared[THREADS][2 * WIDTH];
  int channel = own_channel(lanes);
  eight sum = {}, product = {};
  if (channel < channels) {
    line by = line_of(affine + (i64)blockIdx.z * AFFINE * channels + channel, channels);
    i64 start = (i64)blockIdx.z * rows * channels + channel;
    for (u32 row = first_row(lanes); row < rows; row += row_step(lanes)) {
      i64 at = start + (i64)row * channels;
      eight here = load(x + at), g = passed(load(dy + at), here, by, then);
      add_products(g, here, by.mean, sum, product);
    }
  }
  write_sums(sum, product, partial, channels, lanes, shared);
}

// With statistics of the batch: dx = slope * (g - mean(g) - (x - mean) / (var + eps) * mean(g * (x - mean))). `count` values a
// channel; 0 where mean and variance do not depend on the batch. A block a channel.
extern "C" __global__ void __launch_bounds__(THREADS)
batch_coefficients(const float* __restrict__ partial, int blocks, const float* __restrict__ affine, i64 count, int channels, float* dweight,
             float* dbias, float* __restrict__ coefficients) {
  __shared__ double shared[THREADS];
  int c = blockIdx.x;
  double sum = add_up(partial, blocks, channels, 0, c, shared), product = add_up(partial, blocks, channels, 1, c, shared);
  if (threadIdx.x != 0) return;
  double slope = affine[SLOPE * channels + c], inverse = affine[INVERSE * channels + c], share = count ? 1.0 / count : 0;
  coefficients[c] = slope;
  coefficients[channels + c] = slope * sum * share;
  coefficients[2 * channels + c] = slope * product * share * inverse * inverse;
  if (dweight) dweight[c] = product * inverse;
  if (dbias) dbias[c] = sum;
}

// The same of groups, a block a group of a sample: dx = (h - mean(h) - (x - mean) / (var + eps) * mean(h * (x - mean))) / sqrt(var +
// eps), where h = g * weight.
extern "C" __global__ void __launch_bounds__(THREADS)
group_coefficients(const float* __restrict__ partial, int blocks, const float* __restrict__ affine, i64 rows, int channels, int groups, int size,
             const float* weight, float* __restrict__ coefficients) {
  __shared__ double shared[THREADS];
  int sample = blockIdx.x / (groups + 1), group = blockIdx.x % (groups + 1);
  float* to = coefficients + (i64)sample * COEFFICIENTS * channels;
  if (group == groups) {
    for (int c = groups * size + threadIdx.x; c < channels; c += THREADS) to[c] = to[channels + c] = to[2 * channels + c] = 0;
    return;
  }
  const float* sums = partial + (i64)sample * blocks * 2 * channels;
  const float* own = affine + (i64)sample * AFFINE * channels;
  double mean = 0, product = 0, share = 1 / ((double)rows * size);
  for (int c = group * size; c < (group + 1) * size; c++) {
    mean += weight[c] * add_up(sums, blocks, channels, 0, c, shared) * share;
    product += weight[c] * add_up(sums, blocks, channels, 1, c, shared) * share;
  }
  for (int c = group * size + threadIdx.x; c < (group + 1) * size; c += THREADS) {
    double inverse = own[INVERSE * channels + c];
    to[c] = inverse * weight[c];
    to[channels + c] = inverse * mean;
    to[2 * channels + c] = inverse * inverse * inverse * product;
  }
}

// Gradients of weight and bias of a group normalisation: sums over samples, a block a channel.
extern "C" __global__ void __launch_bounds__(THREADS)
group_gradients(const float* __restrict__ partial, int blocks, const float* __restrict__ affine, int channels, int samples, float* dweight,
                float* dbias) {
  __shared__ double shared[THREADS];
  int c = blockIdx.x;
  double weight = 0, bias = 0;
  for (int sample = 0; sample < samples; sample++) {
    const float* sums = partial + (i64)sample * blocks * 2 * channels;
    bias += add_up(sums, blocks, channels, 0, c, shared);
    weight += add_up(sums, blocks, channels, 1, c, shared) * affine[((i64)sample * AFFINE + INVERSE) * channels + c];
  }
  if (threadIdx.x != 0) return;
  dweight[c] = weight;
  dbias[c] = bias;
}

// dx = factor * g - level - (x - mean) * tilt; samples as in apply_affine.
extern "C" __global__ void __launch_bounds__(THREADS)
affine_gradient(const stored* __restrict__ dy, const stored* __restrict__ x, const float* __restrict__ affine, const float* __restrict__ coefficients,
              stored* __restrict__ dx, u32 rows, int channels, int lanes, int then) {
  int channel = own_channel(lanes);
  if (channel >= channels) return;
  line by = line_of(affine + (i64)blockIdx.z * AFFINE * channels + channel, channels);
  const float* own = coefficients + (i64)blockIdx.z * COEFFICIENTS * channels + channel;
  eight factor = load_f32(own), level = load_f32(own + channels), tilt = load_f32(own + 2 * channels);
  i64 start = (i64)blockIdx.z * rows * channels + channel;
  for (u32 row = first_row(lanes); row < rows; row += row_step(lanes)) {
    i64 at = start + (i64)row * channels;
    eight here = load(x + at), g = passed(load(dy + at), here, by, then), d;
    for (int i = 0; i < WIDTH; i++) d.v[i] = factor.v[i] * g.v[i] - level.v[i] - (here.v[i] - by.mean.v[i]) * tilt.v[i];
    store(dx + at, d);
  }
}
