// Convolutions by the plain sum: for checks, and where there is no cuDNN. Weights are (k, r, s, c), maps (n, h, w, c).

struct convolution { int n, h, w, c, k, r, s, pad, stride, oh, ow; };

// y[n, i, j, k] = sum of x[n, i * stride + a - pad, j * stride + b - pad, c] * weight[k, a, b, c], + bias[k] if there is one, and 0 if that is
// below and `relu`.
extern "C" __global__ void __launch_bounds__(THREADS)
conv_forward(const stored* __restrict__ x, const stored* __restrict__ weight, const stored* __restrict__ bias, int relu, stored* __restrict__ y,
             struct convolution q) {
  i64 all = (i64)q.n * q.oh * q.ow * q.k;
  for (i64 at = first_index(); at < all; at += index_step()) {
    int k = at % q.k, j = at / q.k % q.ow, i = at / q.k / q.ow % q.oh, n = at / q.k / q.ow / q.oh;
    float sum = 0;
    for (int a = 0; a < q.r; a++)
      for (int b = 0; b < q.s; b++) {
        int row = i * q.stride + a - q.pad, column = j * q.stride + b - q.pad;
        if (row < 0 || row >= q.h || column < 0 || column >= q.w) continue;
        const stored *from = x + (((i64)n * q.h + row) * q.w + column) * q.c, *by = weight + (((i64)k * q.r + a) * q.s + b) * q.c;
        for (int c = 0; c < q.c; c += WIDTH) {
          eight u = load(from + c), v = load(by + c);
          for (int l = 0; l < WIDTH; l++) sum += u.v[l] * v.v[l];
        }
      }
    if (bias) sum += wide(bias[k]);
    y[at] = narrow(relu && sum < 0 ? 0 : sum);
  }
}

// A thread 8 channels of a pixel.
extern "C" __global__ void __launch_bounds__(THREADS)
conv_input_gradient(const stored* __restrict__ dy, const stored* __restrict__ weight, stored* __restrict__ dx, struct convolution q) {
  int vectors = q.c / WIDTH;
  i64 all = (i64)q.n * q.h * q.w * vectors;
  for (i64 at = first_index(); at < all; at += index_step()) {
    int c = at % vectors * WIDTH, column = at / vectors % q.w, row = at / vectors / q.w % q.h, n = at / vectors / q.w / q.h;
    eight sum = {};
    for (int a = 0; a < q.r; a++)
      for (int b = 0; b < q.s; b++) {
        int i = row + q.pad - a, j = column + q.pad - b;
        if (i < 0 || j < 0 || i % q.stride || j % q.stride || i / q.stride >= q.oh || j / q.stride >= q.ow) continue;
        const stored* from = dy + (((i64)n * q.oh + i / q.stride) * q.ow + j / q.stride) * q.k;
        for (int k = 0; k < q.k; k++) {
          eight v = load(weight + (((i64)k * q.r + a) * q.s + b) * q.c + c);
          float d = wide(from[k]);
          for (int l = 0; l < WIDTH; l++) sum.v[l] += d * v.v[l];
        }
      }
    store(dx + at * WIDTH, sum);
  }
}

// A thread 8 channels of a weight, over the rows of pixels that blockIdx.y takes; partial[part][weight].
extern "C" __global__ void __launch_bounds__(THREADS)
conv_weight_gradient(const stored* __restrict__ x, const stored* __restrict__ dy, float* __restrict__ partial, struct convolution q) {
  int vectors = q.c / WIDTH;
  i64 all = (i64)q.k * q.r * q.s * vectors, rows = (i64)q.n * q.oh;
  for (i64 at = first_index(); at < all; at += index_step()) {
    int c = at % vectors * WIDTH, b = at / vectors % q.s, a = at / vectors / q.s % q.r, k = at / vectors / q.s / q.r;
    eight sum = {};
    for (i64 line = blockIdx.y; line < rows; line += gridDim.y) {
      int i = line % q.oh, n = line / q.oh, row = i * q.stride + a - q.pad;
      if (row < 0 || row >= q.h) continue;
      for (int j = 0; j < q.ow; j++) {
        int column = j * q.stride + b - q.pad;
        if (column < 0 || column >= q.w) continue;
        float d = wide(dy[(((i64)n * q.oh + i) * q.ow + j) * q.k + k]);
        eight u = load(x + (((i64)n * q.h + row) * q.w + column) * q.c + c);
        for (int l = 0; l < WIDTH; l++) sum.v[l] += d * u.v[l];
      }
    }
    store_f32(partial + (i64)blockIdx.y * all * WIDTH + at * WIDTH, sum);
  }
}

extern "C" __global__ void __launch_bounds__(THREADS)
conv_weight_finish(const float* __restrict__ partial, int parts, i64 count, stored* __restrict__ dweight) {
  for (i64 i = first_index(); i < count; i += index_step()) {
    double sum = 0;
    for (int part = 0; part < parts; part++) sum += partial[(i64)part * count + i];
    dweight[i] = narrow(sum);
  }
}
