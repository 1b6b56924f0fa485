// All parameters at once: the optimizer's rules, in the order of operations that the CPU has, and gradients on their way to it.

struct adam_rule { float one_minus_beta1, beta2, one_minus_beta2, eps, step_size, correction, l2, shrink; };
struct sgd_rule { float lr, momentum, nesterov, l2; };

__device__ inline void adam_one(const struct adam_rule& r, float g, float* p, float* m, float* v) {
  g = g + r.l2 * *p;
  *p *= r.shrink;
  *m += r.one_minus_beta1 * (g - *m);
  *v = *v * r.beta2 + r.one_minus_beta2 * g * g;
  *p -= r.step_size * (*m / (sqrtf(*v) / r.correction + r.eps));
}

__device__ inline void sgd_one(const struct sgd_rule& r, float g, float* p, float* b) {
  g = g + r.l2 * *p;
  if (!b) { *p -= r.lr * g; return; }
  *b = r.momentum * *b + g;
  *p -= r.lr * (r.nesterov != 0 ? g + r.momentum * *b : *b);
}

// Gradients either as they were stored, or as f32 sums times a factor; `copies` are what convolutions read, or nothing.
extern "C" __global__ void __launch_bounds__(THREADS)
adam(float* __restrict__ params, const stored* __restrict__ grads, const float* __restrict__ sums, const float* factor, float* __restrict__ firsts,
     float* __restrict__ seconds, stored* __restrict__ copies, i64 count, const struct adam_rule* rule) {
  struct adam_rule r = *rule;
  float scale = factor ? *factor : 1;
  for (i64 i = first_index(); i < count; i += index_step()) {
    float g = sums ? sums[i] * scale : wide(grads[i]), p = params[i], m = firsts[i], v = seconds[i];
    adam_one(r, g, &p, &m, &v);
    params[i] = p; firsts[i] = m; seconds[i] = v;
    if (copies) copies[i] = narrow(p);
  }
}

extern "C" __global__ void __launch_bounds__(THREADS)
sgd(float* __restrict__ params, const stored* __restrict__ grads, const float* __restrict__ sums, const float* factor, float* __restrict__ buffer,
    stored* __restrict__ copies, i64 count, const struct sgd_rule* rule) {
  struct sgd_rule r = *rule;
  float scale = factor ? *factor : 1;
  for (i64 i = first_index(); i < count; i += index_step()) {
    float g = sums ? sums[i] * scale : wide(grads[i]), p = params[i], b = buffer ? buffer[i] : 0;
    sgd_one(r, g, &p, buffer ? &b : nullptr);
    params[i] = p;
    if (buffer) buffer[i] = b;
    if (copies) copies[i] = narrow(p);
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) narrow_params(const float* __restrict__ params, stored* __restrict__ copies, i64 count) {
  for (i64 i = first_index(); i < count; i += index_step()) copies[i] = narrow(params[i]);
}

// sums += gradients.
extern "C" __global__ void __launch_bounds__(THREADS) collect(float* __restrict__ sums, const stored* __restrict__ grads, i64 count) {
  for (i64 i = first_index(); i < count; i += index_step()) sums[i] += wide(grads[i]);
}

extern "C" __global__ void __launch_bounds__(THREADS) collect_wide(float* __restrict__ sums, const float* __restrict__ grads, i64 count) {
  for (i64 i = first_index(); i < count; i += index_step()) sums[i] += grads[i];
}

extern "C" __global__ void __launch_bounds__(THREADS) square_sums(const float* __restrict__ sums, double* __restrict__ partial, i64 count) {
  __shared__ double shared[THREADS];
  double sum = 0;
  for (i64 i = first_index(); i < count; i += index_step()) sum += (double)sums[i] * sums[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// The factor of all gradients: the mean over `batches`, and a norm of at most `largest` if that is above 0.
extern "C" __global__ void gradient_factor(const double* __restrict__ partial, int blocks, float batches, float largest, float* factor) {
  double sum = 0, scale = 1 / (double)batches;
  for (int block = 0; block < blocks; block++) sum += partial[block];
  if (largest > 0) {
    double most = largest / (sqrt(sum) * scale + 1e-6);
    if (most < 1) scale *= most;
  }
  *factor = scale;
}

// averages += rate * (values - averages).
extern "C" __global__ void __launch_bounds__(THREADS)
move_averages(float* __restrict__ averages, const float* __restrict__ values, i64 count, const float* rate) {
  float r = *rate;
  for (i64 i = first_index(); i < count; i += index_step()) averages[i] += r * (values[i] - averages[i]);
}
