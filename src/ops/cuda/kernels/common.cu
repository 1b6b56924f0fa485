// What all kernels share. STORED_BF16 is set where maps are kept as bfloat16.
//
// A map is (n, h, w, c): channels side by side, their number a multiple of 8, those that mean nothing zero. A thread takes 8 channels
// at a time, a vector. A map has fewer than 2^31 of them (`countable` refuses larger ones), so u32 counts vectors and pixels, whose divisions
// are short; where one begins takes 64 bits. Sums are taken in an order that follows from shapes alone, without atomics, so equal runs give
// equal bits.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define WIDTH 8
#define THREADS 256
// Added to variances.
#define EPSILON 1e-5

struct eight { float v[WIDTH]; };

__device__ inline float wide_bf16(u16 v) { return __uint_as_float((u32)v << 16); }

// Two numbers to the nearest, halfway to even, the first in the low half. NaN stays NaN, though not with the same bits everywhere: the
// instruction, which compilers other than NVRTC lack and GPUs before compute capability 8.0, has one NaN only.
#if defined(__CUDACC_RTC__) && __CUDA_ARCH__ >= 800
__device__ inline u32 narrow_pair(float low, float high) {
  u32 both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}
#else
__device__ inline u32 narrow_one(float f) {
  u32 bits = __float_as_uint(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return bits >> 16 | 0x40u;
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}
__device__ inline u32 narrow_pair(float low, float high) { return narrow_one(high) << 16 | narrow_one(low); }
#endif

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
struct __align__(16) packed { u32 v[WIDTH / 2]; };
__device__ inline float wide(stored v) { return wide_bf16(v); }
__device__ inline stored narrow(float v) { return (u16)narrow_pair(v, 0); }
__device__ inline eight load(const stored* from) {
  packed p = *(const packed*)from;
  eight all;
  for (int i = 0; i < WIDTH / 2; i++) {
    all.v[2 * i] = __uint_as_float(p.v[i] << 16);
    all.v[2 * i + 1] = __uint_as_float(p.v[i] & 0xffff0000u);
  }
  return all;
}
__device__ inline void store(stored* to, const eight& all) {
  packed p;
  for (int i = 0; i < WIDTH / 2; i++) p.v[i] = narrow_pair(all.v[2 * i], all.v[2 * i + 1]);
  *(packed*)to = p;
}
#else
typedef float stored;
__device__ inline float wide(stored v) { return v; }
__device__ inline stored narrow(float v) { return v; }
__device__ inline eight load(const stored* from) { return load_f32(from); }
__device__ inline void store(stored* to, const eight& all) { store_f32(to, all); }
#endif

// What a thread does first and how far it is to the next: of anything, and of the vectors or pixels of a map.
__device__ inline i64 first_index() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline i64 index_step() { return (i64)gridDim.x * blockDim.x; }
__device__ inline u32 first_of_map() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline u32 step_in_map() { return gridDim.x * blockDim.x; }

// A vector of a map, by its number.
__device__ inline eight load_vector(const stored* map, u32 at) { return load(map + (i64)at * WIDTH); }
__device__ inline void store_vector(stored* map, u32 at, const eight& all) { store(map + (i64)at * WIDTH, all); }

// Where `lanes` threads side by side take neighbouring channels of a row, and those beside them further rows; a block's first row and channel
// follow from its place.
__device__ inline int own_channel(int lanes) { return (blockIdx.y * lanes + threadIdx.x % lanes) * WIDTH; }
__device__ inline u32 first_row(int lanes) { return blockIdx.x * (THREADS / lanes) + threadIdx.x / lanes; }
__device__ inline u32 row_step(int lanes) { return gridDim.x * (THREADS / lanes); }

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
