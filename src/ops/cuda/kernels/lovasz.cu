// The Lovasz hinge (Berman, Triki & Blaschko 2018, algorithm 1), a block a plane: its pixels are sorted by margin, from the largest, equal ones in
// their order; margins that f32 does not tell apart count as equal. The sort goes by 4 bits at a time from the lowest (a stable radix
// sort): every thread counts and moves a run of its own. More threads would not have room for their counts.

#define DIGITS 16
#define DIGIT_BITS 4
#define SORTING 512

// Sums of what the threads before have, and of all.
__device__ inline u32 sum_before(u32 value, u32* shared, u32* all) {
  shared[threadIdx.x] = value;
  __syncthreads();
  for (int reach = 1; reach < SORTING; reach *= 2) {
    u32 more = threadIdx.x >= reach ? shared[threadIdx.x - reach] : 0;
    __syncthreads();
    shared[threadIdx.x] += more;
    __syncthreads();
  }
  u32 sum = shared[threadIdx.x] - value;
  *all = shared[SORTING - 1];
  __syncthreads();
  return sum;
}

__device__ inline double margin_of(float x, bool marked) { return marked ? 1 - (double)x : 1 + (double)x; }

// The smaller, the larger the margin; of a NaN the smallest or the largest.
__device__ inline u32 margin_key(float x, bool marked) {
  u32 bits = __float_as_uint((float)margin_of(x, marked));
  return ~(bits & 0x80000000u ? ~bits : bits | 0x80000000u);
}

// Sorts pairs of key and place from one pair of arrays into the other and back, all 32 bits.
__device__ inline void sort_by_key(u32* keys, u32* places, u32* other_keys, u32* other_places, i64 first, i64 end, u32 (*counts)[SORTING], u32* shared) {
  u32 *from = keys, *order = places, *to = other_keys, *next_order = other_places, all;
  for (int shift = 0; shift < 32; shift += DIGIT_BITS) {
    for (int d = 0; d < DIGITS; d++) counts[d][threadIdx.x] = 0;
    for (i64 i = first; i < end; i++) counts[from[i] >> shift & (DIGITS - 1)][threadIdx.x]++;
    __syncthreads();
    // Where the first of each digit of each thread goes: thread t adds up the entries from 16 t on, by digit, then by thread.
    u32* mine = &counts[0][0] + threadIdx.x * DIGITS;
    u32 sum = 0;
    for (int k = 0; k < DIGITS; k++) sum += mine[k];
    u32 at = sum_before(sum, shared, &all);
    for (int k = 0; k < DIGITS; k++) {
      u32 own = mine[k];
      mine[k] = at;
      at += own;
    }
    __syncthreads();
    for (i64 i = first; i < end; i++) {
      u32 place = counts[from[i] >> shift & (DIGITS - 1)][threadIdx.x]++;
      to[place] = from[i];
      next_order[place] = order[i];
    }
    __syncthreads();
    u32 *k = from, *p = order;
    from = to; order = next_order;
    to = k; next_order = p;
  }
}

extern "C" __global__ void __launch_bounds__(SORTING)
lovasz_term(const float* __restrict__ logits, const u8* __restrict__ targets, u32* all_keys, u32* all_places, u32* other_keys, u32* other_places,
            i64 plane, int classes, int parts, float weight, const float* shares, const struct step* now, double* sums, int each, int slot,
            float* dx) {
  __shared__ u32 counts[DIGITS][SORTING];
  __shared__ u32 shared[SORTING];
  __shared__ double losses[SORTING];
  i64 start = (i64)blockIdx.x * plane, run = (plane + SORTING - 1) / SORTING;
  i64 first = threadIdx.x * run < plane ? threadIdx.x * run : plane, end = first + run < plane ? first + run : plane;
  u32 *keys = all_keys + start, *places = all_places + start;
  const float* x = logits + start;
  const u8* t = targets + start;
  for (i64 i = first; i < end; i++) {
    keys[i] = margin_key(x[i], t[i] != 0);
    places[i] = i;
  }
  __syncthreads();
  sort_by_key(keys, places, other_keys + start, other_places + start, first, end, counts, shared);
  // An even number of passes: they are back where they were.
  u32 marked = 0, all;
  for (i64 i = first; i < end; i++) marked += t[places[i]] != 0;
  u32 before = sum_before(marked, shared, &all);
  double kept = (double)all - before, joint = (double)all + (first - before);
  double grown = first > 0 && joint > 0 ? 1 - kept / joint : 0, loss = 0, share = counted(weight, now, shares, blockIdx.x % classes, parts);
  for (i64 i = first; i < end; i++) {
    u32 place = places[i];
    bool truth = t[place] != 0;
    if (truth) kept -= 1; else joint += 1;
    double after = 1 - kept / joint, growth = after - grown, margin = margin_of(x[place], truth);
    grown = after;
    // What is right by a margin of 1 costs nothing; a NaN must not pass for it.
    if (margin > 0 || margin != margin) {
      loss += margin * growth;
      if (dx) dx[start + place] += (truth ? -share : share) * growth;
    }
  }
  // The second half of the threads goes to the first, whose sum a block has.
  losses[threadIdx.x] = loss;
  __syncthreads();
  if (threadIdx.x < THREADS) loss += losses[threadIdx.x + THREADS];
  __syncthreads();
  loss = block_sum(loss, losses);
  if (sums && threadIdx.x == 0) sums[((i64)now->masks + blockIdx.x) * each + slot] = loss;
}
