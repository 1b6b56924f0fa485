// Numbers that lie at the same place, and dropout.

// y = a + b; the number of all is a multiple of 8.
extern "C" __global__ void __launch_bounds__(THREADS)
sum_of_maps(const stored* __restrict__ a, const stored* __restrict__ b, stored* __restrict__ y, i64 count) {
  for (u32 at = first_of_map(); at < count / WIDTH; at += step_in_map()) {
    eight sum = load_vector(a, at), more = load_vector(b, at);
    for (int i = 0; i < WIDTH; i++) sum.v[i] += more.v[i];
    store_vector(y, at, sum);
  }
}

// The output function of SplitMix64 (Steele, Lea & Flood 2014).
__device__ inline u64 mixed(u64 state) {
  u64 z = state * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// Every number times `factor`, or 0 where what follows from seed and place is below `bound` of 2^32. `words` are the low and the high half
// of a step's seed, from which operations lie `apart`. A place counts as the CPU's maps have it, (n, blocks of 16 channels, h + 2, w + 2, 16),
// so that both leave out the same.
extern "C" __global__ void __launch_bounds__(THREADS)
thinned(const stored* __restrict__ x, stored* __restrict__ y, struct size of, const u32* __restrict__ words, i64 apart, u32 bound, float factor) {
  u32 vectors = of.c / WIDTH, all = of.n * of.h * of.w * vectors;
  i64 blocks = (of.c + 15) / 16;
  u64 seed = ((u64)words[1] << 32 | words[0]) + (u64)apart;
  for (u32 at = first_of_map(); at < all; at += step_in_map()) {
    u32 p = at / vectors, channel = at % vectors * WIDTH;
    u32 column = p % of.w, row = p / of.w % of.h, n = p / of.w / of.h;
    i64 place = (((n * blocks + channel / 16) * (of.h + 2) + row + 1) * (of.w + 2) + column + 1) * 16 + channel % 16;
    eight value = load_vector(x, at);
    for (int i = 0; i < WIDTH; i++) value.v[i] = (u32)(mixed(seed + (u64)(place + i)) >> 32) < bound ? 0 : value.v[i] * factor;
    store_vector(y, at, value);
  }
}
