// Doubling of both sides by bilinear interpolation, the corners' centres staying where they are: row y of the result lies at
// y * (h - 1) / (2h - 1) of the small map's rows; columns likewise.

// The two places that a place of the result lies between, and the weight of the second.
struct between { int first, second; float weight; };

__device__ inline between lies_at(int at, int side) {
  float scale = (float)(side - 1) / (float)(2 * side - 1);
  // As the CPU rounds it: the product is exact in double, and is not joined with the subtraction.
  float exact = (double)scale * at;
  between b;
  b.first = exact;
  if (b.first > side - 1) b.first = side - 1;
  b.second = b.first + 1 < side ? b.first + 1 : b.first;
  b.weight = exact - b.first;
  return b;
}

// `small` is the small map's size.
extern "C" __global__ void __launch_bounds__(THREADS)
double_bilinearly(const stored* __restrict__ x, stored* __restrict__ y, struct size small) {
  u32 vectors = small.c / WIDTH, h = 2 * small.h, w = 2 * small.w, all = small.n * h * w * vectors;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 p = at / vectors, channel = at % vectors * WIDTH, n = p / w / h;
    between row = lies_at(p / w % h, small.h), column = lies_at(p % w, small.w);
    eight sum = {};
    for (int k = 0; k < 2; k++) {
      int from = k ? row.second : row.first;
      float share = k ? row.weight : 1 - row.weight;
      eight left = load(x + pixel(small, n, from, column.first) + channel), right = load(x + pixel(small, n, from, column.second) + channel);
      for (int i = 0; i < WIDTH; i++) sum.v[i] += share * (left.v[i] * (1 - column.weight) + right.v[i] * column.weight);
    }
    store_vector(y, at, sum);
  }
}

// A place of the small side is read from no other than these of the upsampled one: 2s - 1 to 2s + 3.
#define READERS 5

// The weights with which they read it; 0 where there is none.
__device__ inline void readers(int place, int side, float (&weights)[READERS]) {
  for (int k = 0; k < READERS; k++) {
    int at = 2 * place - 1 + k;
    weights[k] = 0;
    if (at < 0 || at >= 2 * side) continue;
    between b = lies_at(at, side);
    if (b.first == place) weights[k] += 1 - b.weight;
    if (b.second == place) weights[k] += b.weight;
  }
}

// What is read several times gets the sum: each pixel of the small map collects from those that read it.
extern "C" __global__ void __launch_bounds__(THREADS)
double_bilinearly_gradient(const stored* __restrict__ dy, stored* __restrict__ dx, struct size small) {
  struct size large = {small.n, 2 * small.h, 2 * small.w, small.c};
  u32 vectors = small.c / WIDTH, all = small.n * small.h * small.w * vectors;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 p = at / vectors, channel = at % vectors * WIDTH;
    int x = p % small.w, y = p / small.w % small.h, n = p / small.w / small.h;
    float rows[READERS], columns[READERS];
    readers(y, small.h, rows);
    readers(x, small.w, columns);
    eight sum = {};
    for (int j = 0; j < READERS; j++)
      for (int k = 0; k < READERS; k++) {
        float weight = rows[j] * columns[k];
        if (weight == 0) continue;
        eight g = load(dy + pixel(large, n, 2 * y - 1 + j, 2 * x - 1 + k) + channel);
        for (int i = 0; i < WIDTH; i++) sum.v[i] += g.v[i] * weight;
      }
    store_vector(dx, at, sum);
  }
}
