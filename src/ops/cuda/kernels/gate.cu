// A map times the logistic function of one number a pixel, which is the first channel of another map.

extern "C" __global__ void __launch_bounds__(THREADS)
gate(const stored* __restrict__ x, const stored* __restrict__ psi, stored* __restrict__ y, i64 pixels, int channels) {
  u32 vectors = channels / WIDTH;
  for (u32 at = first_of_map(); at < pixels * vectors; at += step_in_map()) {
    float open = logistic(wide(psi[(i64)(at / vectors) * WIDTH]));
    eight value = load_vector(x, at);
    for (int i = 0; i < WIDTH; i++) value.v[i] *= open;
    store_vector(y, at, value);
  }
}

// dx = dy * open, dpsi = sum over the channels of dy * x, times open * (1 - open). `lanes` threads side by side take a pixel, so that they
// read neighbouring channels.
extern "C" __global__ void __launch_bounds__(THREADS)
gate_gradient(const stored* __restrict__ dy, const stored* __restrict__ x, const stored* __restrict__ psi, stored* __restrict__ dx,
              stored* __restrict__ dpsi, i64 pixels, int channels, int lanes) {
  __shared__ float shared[THREADS];
  int vectors = channels / WIDTH, lane = threadIdx.x % lanes, beside = THREADS / lanes;
  for (i64 first = (i64)blockIdx.x * beside; first < pixels; first += (i64)gridDim.x * beside) {
    i64 p = first + threadIdx.x / lanes;
    float open = 0, sum = 0;
    if (p < pixels) {
      open = logistic(wide(psi[p * WIDTH]));
      for (int vector = lane; vector < vectors; vector += lanes) {
        i64 at = (p * vectors + vector) * WIDTH;
        eight g = load(dy + at), here = load(x + at);
        for (int i = 0; i < WIDTH; i++) {
          sum += g.v[i] * here.v[i];
          g.v[i] *= open;
        }
        store(dx + at, g);
      }
    }
    shared[threadIdx.x] = sum;
    __syncthreads();
    for (int half = lanes / 2; half > 0; half /= 2) {
      if (lane < half) shared[threadIdx.x] += shared[threadIdx.x + half];
      __syncthreads();
    }
    if (lane == 0 && p < pixels) {
      eight d = {};
      d.v[0] = shared[threadIdx.x] * open * (1 - open);
      store(dpsi + p * WIDTH, d);
    }
    __syncthreads();
  }
}
