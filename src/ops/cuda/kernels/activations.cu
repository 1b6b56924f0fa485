// What follows a scale and shift: nothing, ReLU, leaky ReLU, ELU or SiLU. The same for every thread of a kernel, so nothing diverges.

#define NOTHING 0
#define RELU 1
#define LEAKY_RELU 2
#define ELU 3
#define SILU 4

// Slope of the leaky ReLU below 0.
#define LEAK 0.01f

__device__ inline float logistic(float x) { return 1 / (1 + expf(-x)); }

// A NaN passes everywhere: it fails the comparisons.
__device__ inline void follow(eight& y, int then) {
  if (then == RELU)
    for (int i = 0; i < WIDTH; i++) y.v[i] = y.v[i] < 0 ? 0 : y.v[i];
  if (then == LEAKY_RELU)
    for (int i = 0; i < WIDTH; i++) y.v[i] = y.v[i] < 0 ? LEAK * y.v[i] : y.v[i];
  if (then == ELU)
    for (int i = 0; i < WIDTH; i++) y.v[i] = y.v[i] < 0 ? expm1f(y.v[i]) : y.v[i];
  if (then == SILU)
    for (int i = 0; i < WIDTH; i++) y.v[i] *= logistic(y.v[i]);
}

// The gradient of what followed y, from that of the result.
__device__ inline void follow_back(eight& g, const eight& y, int then) {
  if (then == RELU)
    for (int i = 0; i < WIDTH; i++) g.v[i] = y.v[i] > 0 ? g.v[i] : 0;
  if (then == LEAKY_RELU)
    for (int i = 0; i < WIDTH; i++) g.v[i] = y.v[i] > 0 ? g.v[i] : LEAK * g.v[i];
  if (then == ELU)
    for (int i = 0; i < WIDTH; i++) g.v[i] = y.v[i] > 0 ? g.v[i] : expf(y.v[i]) * g.v[i];
  if (then == SILU)
    for (int i = 0; i < WIDTH; i++) {
      float open = logistic(y.v[i]);
      g.v[i] *= open * (1 + y.v[i] * (1 - open));
    }
}
