// What all kernels share. STORED_BF16 is set where maps are kept as bfloat16.
//
// A map is (n, h, w, c): channels side by side, their number a multiple of 8, those that mean nothing zero. A thread takes 8 channels
// at a time. Sums are taken in an order that follows from shapes alone, without atomics, so equal runs give equal bits.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define WIDTH 8
#define THREADS 256

struct eight { float v[WIDTH]; };

__device__ inline float wide_bf16(u16 v) { return __uint_as_float((u32)v << 16); }

// To the nearest, halfway to even; NaN stays NaN.
__device__ inline u16 narrow_bf16(float f) {
  u32 bits = __float_as_uint(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (u16)((bits >> 16) | 0x40u);
  return (u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

struct __align__(16) four { float v[4]; };

__device__ inline eight load_f32(const float* from) {
  const four* at = (const four*)from;
  four low = at[0], high = at[1];
  eight all;
  for (int i = 0; i < 4; i++) { all.v[i] = low.v[i]; all.v[i + 4] = high.v[i]; }
  return all;
}

__device__ inline void store_f32(float* to, const eight& all) {
  four low, high;
  for (int i = 0; i < 4; i++) { low.v[i] = all.v[i]; high.v[i] = all.v[i + 4]; }
  ((four*)to)[0] = low;
  ((four*)to)[1] = high;
}

#ifdef STORED_BF16
typedef u16 stored;
struct __align__(16) packed { u16 v[WIDTH]; };
__device__ inline float wide(stored v) { return wide_bf16(v); }
__device__ inline stored narrow(float v) { return narrow_bf16(v); }
__device__ inline eight load(const stored* from) {
  packed p = *(const packed*)from;
  eight all;
  for (int i = 0; i < WIDTH; i++) all.v[i] = wide_bf16(p.v[i]);
  return all;
}
__device__ inline void store(stored* to, const eight& all) {
  packed p;
  for (int i = 0; i < WIDTH; i++) p.v[i] = narrow_bf16(all.v[i]);
  *(packed*)to = p;
}
#else
typedef float stored;
__device__ inline float wide(stored v) { return v; }
__device__ inline stored narrow(float v) { return v; }
__device__ inline eight load(const stored* from) { return load_f32(from); }
__device__ inline void store(stored* to, const eight& all) { store_f32(to, all); }
#endif

__device__ inline i64 first_index() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline i64 index_step() { return (i64)gridDim.x * blockDim.x; }

// The sum over a block's threads, in the first; `shared` has a place for each thread.
__device__ inline double block_sum(double value, double* shared) {
  shared[threadIdx.x] = value;
  __syncthreads();
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  double sum = shared[0];
  __syncthreads();
  return sum;
}
