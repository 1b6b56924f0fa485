// Losses and the counts that scores are made of, for planes: one class of one sample.

#define BOTH 0
#define PRED 1
#define TRUTH 2
#define BCE 3
#define OVERLAP 4
#define PROBS 5
#define PIXELS 6
#define SUMS 7

// p = 1/(1 + e^-x) and ln(1 + e^-|x|).
__device__ inline double probability(double x, double* log_term) {
  double small = exp(-fabs(x));
  *log_term = log1p(small);
  return x >= 0 ? 1 / (1 + small) : small / (1 + small);
}

// Logits and targets without the pixels that do not count, whose targets are 255: certain background. `partial[plane][block]` is how many count.
#define IGNORED 255
#define CERTAIN -1e30f

extern "C" __global__ void __launch_bounds__(THREADS)
hide_ignored(const float* __restrict__ logits, const u8* __restrict__ targets, float* __restrict__ hid, u8* __restrict__ clean,
             double* __restrict__ partial, i64 plane) {
  __shared__ double shared[THREADS];
  i64 start = (i64)blockIdx.y * plane;
  double count = 0;
  for (i64 at = first_index(); at < plane; at += index_step()) {
    bool ignored = targets[start + at] == IGNORED;
    hid[start + at] = ignored ? CERTAIN : logits[start + at];
    clean[start + at] = ignored ? 0 : targets[start + at];
    count += !ignored;
  }
  count = block_sum(count, shared);
  if (threadIdx.x == 0) partial[(i64)blockIdx.y * gridDim.x + blockIdx.x] = count;
}

extern "C" __global__ void
count_pixels(const double* __restrict__ partial, int blocks, int planes, double* __restrict__ pixels) {
  int index = first_index();
  if (index >= planes) return;
  double sum = 0;
  for (int block = 0; block < blocks; block++) sum += partial[(i64)index * blocks + block];
  pixels[index] = sum;
}

// Over what a mean of a plane is: the pixels that count, all if `pixels` is null.
__device__ inline double divided(double sum, const double* pixels, int index, i64 plane) {
  double count = pixels ? pixels[index] : (double)plane;
  return count > 0 ? sum / count : 0;
}

// partial[plane][block][sum].
extern "C" __global__ void __launch_bounds__(THREADS)
loss_sums(const float* __restrict__ logits, const u8* __restrict__ targets, double* __restrict__ partial, i64 plane) {
  __shared__ double shared[THREADS];
  i64 start = (i64)blockIdx.y * plane;
  double sums[SUMS] = {};
  for (i64 at = first_index(); at < plane; at += index_step()) {
    double x = logits[start + at], log_term;
    bool marked = x >= 0, truth = targets[start + at] != 0;
    double p = probability(x, &log_term);
    sums[BOTH] += marked && truth;
    sums[PRED] += marked;
    sums[TRUTH] += truth;
    // A NaN must stay one, which fmax would not do.
    sums[BCE] += (x < 0 ? 0 : x) - (truth ? x : 0) + log_term;
    sums[OVERLAP] += truth ? p : 0;
    sums[PROBS] += p;
  }
  for (int k = 0; k < PIXELS; k++) {
    double sum = block_sum(sums[k], shared);
    if (threadIdx.x == 0) partial[((i64)blockIdx.y * gridDim.x + blockIdx.x) * SUMS + k] = sum;
  }
}

// What a step is told: the first of its planes in `masks`, and what its loss counts. More follows that is not for losses.
struct step { int masks, pad; float share; };

// Sums of every plane, and what its gradient needs: a (sigma - t) + (k - l t) p (1 - p). They go to `own` for what comes after, and to `masks` for the
// scores, `each` numbers a plane, if that is not null. weights: those of bce and dice, then the share of every class; `parts` is samples times heads.
extern "C" __global__ void
loss_finish(const double* __restrict__ partial, const double* pixels, int blocks, int planes, int parts, int classes, i64 plane, const float* weights,
            const struct step* now, double* __restrict__ own, double* masks, int each, float* __restrict__ factors) {
  int index = first_index();
  if (index >= planes) return;
  double sums[SUMS];
  for (int k = 0; k < SUMS; k++) {
    sums[k] = k == PIXELS ? (pixels ? pixels[index] : (double)plane) : 0;
    for (int block = 0; k != PIXELS && block < blocks; block++) sums[k] += partial[((i64)index * blocks + block) * SUMS + k];
    own[(i64)index * SUMS + k] = sums[k];
    if (masks) masks[((i64)now->masks + index) * each + k] = sums[k];
  }
  double counts = now->share * (double)weights[2 + index % classes] / parts;
  double numerator = 2 * sums[OVERLAP] + 1, denominator = sums[PROBS] + sums[TRUTH] + 1;
  double dice = weights[1] * counts / (denominator * denominator);
  factors[3 * index] = divided(weights[0] * counts, pixels, index, plane);
  factors[3 * index + 1] = dice * numerator;
  factors[3 * index + 2] = dice * 2 * denominator;
}

extern "C" __global__ void __launch_bounds__(THREADS)
loss_gradient(const float* __restrict__ logits, const u8* __restrict__ targets, const float* __restrict__ factors, float* __restrict__ dx,
              i64 plane) {
  i64 start = (i64)blockIdx.y * plane;
  float a = factors[3 * blockIdx.y], k = factors[3 * blockIdx.y + 1], l = factors[3 * blockIdx.y + 2];
  for (i64 at = first_index(); at < plane; at += index_step()) {
    float x = logits[start + at], t = targets[start + at] != 0 ? 1.0f : 0.0f;
    float small = expf(-fabsf(x)), p = x >= 0 ? 1 / (1 + small) : small / (1 + small), q = x >= 0 ? small / (1 + small) : 1 / (1 + small);
    dx[start + at] = a * (t != 0 ? -q : p) + (k - l * t) * p * q;
  }
}
