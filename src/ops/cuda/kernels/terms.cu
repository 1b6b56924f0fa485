// Terms of a loss beside BCE and soft Dice; formulas as on the CPU (ops/term), in double. Each writes its value of a plane to `sums`, if that
// is not null, at `slot` of the `each` numbers that a plane has there, and adds its gradient to what is there.

#define LEAST 1e-7
#define WEIGHTED_BCE 0
#define FOCAL 1
#define BOUNDARY 2

// How much a term of some weight counts for a class of a sample; `parts` is samples times heads.
__device__ inline double counted(float weight, const struct step* now, const float* shares, int at, int parts) {
  return (double)weight * now->share * shares[at] / parts;
}

// p = 1/(1 + e^-x) and -ln p.
__device__ inline double certain(double x, double* loss) {
  double log_term, p = probability(x, &log_term);
  *loss = log_term + (x < 0 ? -x : 0);
  return p;
}

// Tversky's index is (both + 1) / (both + alpha wrong + beta missed + 1); its loss, to the power of gamma, has the slope (k - l t) p (1 - p).
extern "C" __global__ void
region_term(const double* __restrict__ planes_sums, int planes, int parts, int classes, float alpha, float beta, float gamma, float weight,
            const float* shares, const struct step* now, double* sums, int each, int slot, float* __restrict__ factors) {
  int index = first_index();
  if (index >= planes) return;
  const double* own = planes_sums + (i64)index * SUMS;
  double both = own[OVERLAP], wrong = own[PROBS] - both, missed = own[TRUTH] - both;
  double above = both + 1, below = both + alpha * wrong + beta * missed + 1;
  double loss = 1 - above / below, power = 1;
  if (gamma != 1) {
    // Below 1 a power has no derivative at 0. A NaN passes.
    if (loss < LEAST) loss = LEAST;
    power = gamma * pow(loss, gamma - 1.0);
    loss = pow(loss, (double)gamma);
  }
  if (sums) sums[((i64)now->masks + index) * each + slot] = loss;
  double share = counted(weight, now, shares, index % classes, parts) * power / (below * below);
  factors[3 * index + 1] += share * above * alpha;
  factors[3 * index + 2] += share * (below - above * (1.0 - alpha - beta));
}

// Value and slope of a pixel. `a` is what a marked pixel counts, for a focal loss against 1 - a.
__device__ inline double pixel_loss(int kind, double x, bool marked, double a, double gamma, double* slope) {
  double sign = marked ? 1 : -1, loss, right = certain(sign * x, &loss);
  if (kind != FOCAL) {
    double weight = marked || kind == BOUNDARY ? a : 1;
    *slope = -weight * sign * (1 - right);
    return weight * loss;
  }
  double other, wrong = certain(-sign * x, &other), modulation = (marked ? a : 1 - a) * pow(wrong, gamma);
  *slope = -sign * modulation * (gamma * right * loss + wrong);
  return modulation * loss;
}

// `marks` has a number for every class, or, of the boundary's term, `weights` one for every pixel.
__device__ inline double marked_counts(const float* marks, const float* weights, int index, i64 at) {
  return weights ? weights[at] : marks[index];
}

// partial[plane][block].
extern "C" __global__ void __launch_bounds__(THREADS)
pixel_sums(const float* __restrict__ logits, const u8* __restrict__ targets, const float* marks, const float* weights, int kind, float gamma,
           double* __restrict__ partial, i64 plane, int classes) {
  __shared__ double shared[THREADS];
  i64 start = (i64)blockIdx.y * plane;
  double sum = 0, slope;
  for (i64 at = first_index(); at < plane; at += index_step())
    sum += pixel_loss(kind, logits[start + at], targets[start + at] != 0, marked_counts(marks, weights, blockIdx.y % classes, start + at), gamma, &slope);
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) partial[(i64)blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

extern "C" __global__ void
pixel_finish(const double* __restrict__ partial, const double* pixels, int blocks, int planes, i64 plane, const struct step* now, double* sums, int each,
             int slot) {
  int index = first_index();
  if (index >= planes) return;
  double sum = 0;
  for (int block = 0; block < blocks; block++) sum += partial[(i64)index * blocks + block];
  sums[((i64)now->masks + index) * each + slot] = divided(sum, pixels, index, plane);
}

extern "C" __global__ void __launch_bounds__(THREADS)
pixel_gradient(const float* __restrict__ logits, const u8* __restrict__ targets, const float* marks, const float* weights, int kind, float gamma,
               float weight, const float* shares, const struct step* now, const double* pixels, int parts, int classes, i64 plane,
               float* __restrict__ dx) {
  int own = blockIdx.y % classes;
  i64 start = (i64)blockIdx.y * plane;
  double share = divided(counted(weight, now, shares, own, parts), pixels, blockIdx.y, plane), slope;
  for (i64 at = first_index(); at < plane; at += index_step()) {
    pixel_loss(kind, logits[start + at], targets[start + at] != 0, marked_counts(marks, weights, own, start + at), gamma, &slope);
    dx[start + at] += share * slope;
  }
}

// Softmax over the classes of a pixel and the background, whose logit is 0: ln of the sum of exponentials, the largest logit taken off, and the
// class that is true; -1 is the background.
struct softmax { double largest, total; int truth; };

__device__ inline struct softmax softmax_of(const float* logits, const u8* targets, int classes, i64 plane) {
  struct softmax s = {0, 0, -1};
  for (int c = classes - 1; c >= 0; c--) {
    double x = logits[c * plane];
    if (x > s.largest) s.largest = x;
    if (targets[c * plane]) s.truth = c;
  }
  s.total = exp(-s.largest);
  for (int c = 0; c < classes; c++) s.total += exp(logits[c * plane] - s.largest);
  return s;
}

// partial[sample][block]: the sum of losses, each times the weight of its class, and that of the weights.
extern "C" __global__ void __launch_bounds__(THREADS)
softmax_sums(const float* __restrict__ logits, const u8* __restrict__ targets, const float* class_weights, double* __restrict__ partial, i64 plane,
             int classes) {
  __shared__ double shared[THREADS];
  i64 start = (i64)blockIdx.y * classes * plane;
  double sum = 0, weights = 0;
  for (i64 at = first_index(); at < plane; at += index_step()) {
    struct softmax s = softmax_of(logits + start + at, targets + start + at, classes, plane);
    double weight = s.truth < 0 ? 1 : class_weights[s.truth];
    sum += weight * (s.largest + log(s.total) - (s.truth < 0 ? 0 : logits[start + at + s.truth * plane]));
    weights += weight;
  }
  sum = block_sum(sum, shared);
  weights = block_sum(weights, shared);
  if (threadIdx.x == 0) {
    double* to = partial + 2 * ((i64)blockIdx.y * gridDim.x + blockIdx.x);
    to[0] = sum;
    to[1] = weights;
  }
}

// The value of a sample stands with its first class. `shares` are what is left of each sample's pixels: 1 over the sum of their weights.
extern "C" __global__ void
softmax_finish(const double* __restrict__ partial, const double* pixels, int blocks, int samples, int classes, i64 plane, const struct step* now,
               double* sums, int each, int slot, double* __restrict__ shares) {
  int sample = first_index();
  if (sample >= samples) return;
  double sum = 0, weights = 0;
  for (int block = 0; block < blocks; block++) {
    sum += partial[2 * ((i64)sample * blocks + block)];
    weights += partial[2 * ((i64)sample * blocks + block) + 1];
  }
  // What does not count went by as background of weight 1 that costs nothing.
  if (pixels) weights -= plane - pixels[sample * classes];
  // An image of classes that count nothing costs nothing.
  double share = weights > 0 ? 1 / weights : 0;
  shares[sample] = share;
  if (sums)
    for (int c = 0; c < classes; c++) sums[((i64)now->masks + sample * classes + c) * each + slot] = c ? 0 : sum * share;
}

extern "C" __global__ void __launch_bounds__(THREADS)
softmax_gradient(const float* __restrict__ logits, const u8* __restrict__ targets, const float* class_weights, const double* __restrict__ shares,
                 float weight, const struct step* now, int parts, int classes, i64 plane, float* __restrict__ dx) {
  i64 start = (i64)blockIdx.y * classes * plane;
  double share = (double)weight * now->share * shares[blockIdx.y] / parts;
  for (i64 at = first_index(); at < plane; at += index_step()) {
    struct softmax s = softmax_of(logits + start + at, targets + start + at, classes, plane);
    double own = share * (s.truth < 0 ? 1 : class_weights[s.truth]);
    for (int c = 0; c < classes; c++)
      dx[start + at + c * plane] += own * (exp(logits[start + at + c * plane] - s.largest) / s.total - (c == s.truth));
  }
}

// Logits of classes that exclude each other, each against all others and the background: x - ln(1 + the sum of e^x of the others).
__device__ inline double rest_of(const float* logits, int own, int classes, i64 plane) {
  double largest = 0;
  for (int c = 0; c < classes; c++)
    if (c != own && logits[c * plane] > largest) largest = logits[c * plane];
  double sum = exp(-largest);
  for (int c = 0; c < classes; c++)
    if (c != own) sum += exp(logits[c * plane] - largest);
  return largest + log(sum);
}

extern "C" __global__ void __launch_bounds__(THREADS)
one_vs_rest(const float* __restrict__ logits, float* __restrict__ y, int classes, i64 plane) {
  i64 start = (i64)blockIdx.y * classes * plane;
  for (i64 at = first_index(); at < plane; at += index_step())
    for (int c = 0; c < classes; c++) y[start + at + c * plane] = logits[start + at + c * plane] - rest_of(logits + start + at, c, classes, plane);
}

extern "C" __global__ void __launch_bounds__(THREADS)
against_rest_gradient(const float* __restrict__ logits, const float* __restrict__ dy, float* __restrict__ dx, int classes, i64 plane) {
  i64 start = (i64)blockIdx.y * classes * plane;
  for (i64 at = first_index(); at < plane; at += index_step()) {
    const float *x = logits + start + at, *g = dy + start + at;
    for (int c = 0; c < classes; c++) {
      double sum = g[c * plane];
      for (int other = 0; other < classes; other++)
        if (other != c) sum -= g[other * plane] * exp(x[c * plane] - rest_of(x, other, classes, plane));
      dx[start + at + c * plane] = sum;
    }
  }
}
