// A convolution and the normalisation after it by running statistics as one convolution: slopes go into its weights, shifts into its bias,
// which are rounded once. A block a filter; `own` is the convolution's bias, `weight` in f32.

struct normalisation { float slope, shift; };

// Of channel k, for all threads of a block; `shared` is where the first one puts it.
__device__ inline normalisation normalised(const float* own, const float* scale, const float* shift, const float* mean, const float* var, int k,
                                           normalisation* shared) {
  if (threadIdx.x == 0) {
    shared->slope = 1 / sqrt((double)var[k] + EPSILON) * scale[k];
    shared->shift = ((double)own[k] - mean[k]) * shared->slope + shift[k];
  }
  __syncthreads();
  return *shared;
}

__device__ inline eight scaled(eight w, float slope) {
  for (int i = 0; i < WIDTH; i++) w.v[i] *= slope;
  return w;
}

// `row` numbers a filter.
extern "C" __global__ void __launch_bounds__(THREADS)
fold_norm(const float* __restrict__ weight, const float* own, const float* scale, const float* shift, const float* mean, const float* var,
          stored* __restrict__ folded, stored* __restrict__ bias, int row) {
  __shared__ normalisation shared;
  int k = blockIdx.x;
  normalisation by = normalised(own, scale, shift, mean, var, k, &shared);
  if (threadIdx.x == 0) bias[k] = narrow(by.shift);
  i64 start = (i64)k * row;
  for (int at = threadIdx.x * WIDTH; at < row; at += THREADS * WIDTH)
    store(folded + start + at, scaled(load_f32(weight + start + at), by.slope));
}

// The same of a convolution of an upsampled map; see upsampled.cu.
extern "C" __global__ void __launch_bounds__(THREADS)
fold_norm_of_upsampled(const float* __restrict__ weight, const float* own, const float* scale, const float* shift, const float* mean,
                       const float* var, stored* __restrict__ folded, stored* __restrict__ bias, int outputs, int channels) {
  __shared__ normalisation shared;
  int k = blockIdx.x, vectors = channels / WIDTH;
  normalisation by = normalised(own, scale, shift, mean, var, k, &shared);
  if (threadIdx.x < 4) bias[threadIdx.x * outputs + k] = narrow(by.shift);
  for (int at = threadIdx.x; at < 16 * vectors; at += THREADS) {
    int c = at % vectors * WIDTH, u = at / vectors % 2, t = at / vectors / 2 % 2, phase = at / vectors / 4;
    eight sum = folded_tap(weight + (i64)k * 9 * channels + c, channels, phase, t, u);
    store(folded + ((((i64)phase * outputs + k) * 2 + t) * 2 + u) * channels + c, scaled(sum, by.slope));
  }
}
