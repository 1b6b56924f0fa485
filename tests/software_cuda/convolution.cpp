#include "convolution.h"
#include <chrono>
#include <cmath>
#include <cstring>

namespace soft {

static float read(const Tensor& t, const char* at, int64_t i) {
    if (!t.bf16) {
        float value;
        return std::memcpy(&value, at + 4 * i, 4), value;
    }
    uint16_t half;
    std::memcpy(&half, at + 2 * i, 2);
    uint32_t bits = (uint32_t)half << 16;
    float value;
    return std::memcpy(&value, &bits, 4), value;
}
// Rounds the low `drop` bits of a number away, to nearest even.
static float rounded(float value, int drop) {
    uint32_t bits;
    if (std::isnan(value)) return value;
    std::memcpy(&bits, &value, 4);
    bits += (1u << (drop - 1)) - 1 + (bits >> drop & 1);
    bits &= ~((1u << drop) - 1);
    return std::memcpy(&value, &bits, 4), value;
}
// f64 to bf16 in one rounding: to f32 towards an odd last bit first, then to nearest even.
static float once(double value) {
    float near = (float)value;
    if (std::isnan(near) || std::isinf(near) || (double)near == value) return near;
    uint32_t bits;
    std::memcpy(&bits, &near, 4);
    if (!(bits & 1)) near = std::nextafter(near, (double)near < value ? INFINITY : -INFINITY);
    return near;
}
static void write(const Tensor& t, char* at, int64_t i, double value) {
    if (!t.bf16) {
        float single = (float)value;
        std::memcpy(at + 4 * i, &single, 4);
        return;
    }
    float single = rounded(once(value), 16);
    uint32_t bits;
    std::memcpy(&bits, &single, 4);
    uint16_t half = (uint16_t)(bits >> 16);
    if (std::isnan(single)) half |= 0x40;  // a NaN stays one when its low bits go
    std::memcpy(at + 2 * i, &half, 2);
}

// A tensor's elements as f32 in a fixed order of its dimensions.
static std::vector<float> packed(const Tensor& t, const char* at, std::array<int, 4> order, Rounding rounding) {
    std::vector<float> all;
    auto& [a, b, c, d] = order;
    all.reserve((size_t)(t.size[0] * t.size[1] * t.size[2] * t.size[3]));
    for (int64_t i = 0; i < t.size[a]; i++)
        for (int64_t j = 0; j < t.size[b]; j++)
            for (int64_t k = 0; k < t.size[c]; k++)
                for (int64_t l = 0; l < t.size[d]; l++) {
                    float v = read(t, at, i * t.stride[a] + j * t.stride[b] + k * t.stride[c] + l * t.stride[d]);
                    all.push_back(rounding == Rounding::Tf32 ? rounded(v, 13) : v);
                }
    return all;
}

constexpr std::array<int, 4> CHANNELS_LAST = {0, 2, 3, 1};

struct Shape {
    int64_t n, c, h, w, k, r, s, p, q;  // images, channels, their sides; filters, their sides; output's sides
};

// Calls f with each output position (p, q) of each image, filter position (r, s), and the input (h, w)
// that they meet outside the padding.
template <class F> static void meetings(const Convolution& o, const Shape& d, int64_t r, int64_t s, F f) {
    for (int64_t n = 0; n < d.n; n++)
        for (int64_t p = 0; p < d.p; p++) {
            int64_t h = p * o.stride[0] + r * o.dilation[0] - o.before[0];
            if (h < 0 || h >= d.h) continue;
            for (int64_t q = 0; q < d.q; q++) {
                int64_t w = q * o.stride[1] + s * o.dilation[1] - o.before[1];
                if (w >= 0 && w < d.w) f((n * d.p + p) * d.q + q, (n * d.h + h) * d.w + w);
            }
        }
}
// sums[j] += factor * row[j]
static void add(double* __restrict__ sums, double factor, const float* __restrict__ row, int64_t length) {
    for (int64_t j = 0; j < length; j++) sums[j] += factor * (double)row[j];
}

static std::vector<double> forward(const Convolution& o, const Shape& d, Rounding rounding, const char* x, const char* w) {
    auto in = packed(o.x, x, CHANNELS_LAST, rounding), filter = packed(o.w, w, {2, 3, 1, 0}, rounding);  // R, S, C, K
    std::vector<double> sums((size_t)(d.n * d.p * d.q * d.k));
    for (int64_t r = 0; r < d.r; r++)
        for (int64_t s = 0; s < d.s; s++)
            meetings(o, d, r, s, [&](int64_t out, int64_t from) {
                for (int64_t c = 0; c < d.c; c++)
                    add(&sums[out * d.k], in[from * d.c + c], &filter[((r * d.s + s) * d.c + c) * d.k], d.k);
            });
    return sums;
}
static std::vector<double> backward_data(const Convolution& o, const Shape& d, Rounding rounding, const char* w, const char* y) {
    auto out = packed(o.y, y, CHANNELS_LAST, rounding), filter = packed(o.w, w, {2, 3, 0, 1}, rounding);  // R, S, K, C
    std::vector<double> sums((size_t)(d.n * d.h * d.w * d.c));
    for (int64_t r = 0; r < d.r; r++)
        for (int64_t s = 0; s < d.s; s++)
            meetings(o, d, r, s, [&](int64_t from, int64_t in) {
                for (int64_t k = 0; k < d.k; k++)
                    add(&sums[in * d.c], out[from * d.k + k], &filter[((r * d.s + s) * d.k + k) * d.c], d.c);
            });
    return sums;
}
static std::vector<double> backward_filter(const Convolution& o, const Shape& d, Rounding rounding, const char* x, const char* y) {
    auto in = packed(o.x, x, CHANNELS_LAST, rounding), out = packed(o.y, y, CHANNELS_LAST, rounding);
    std::vector<double> sums((size_t)(d.k * d.r * d.s * d.c));
    for (int64_t r = 0; r < d.r; r++)
        for (int64_t s = 0; s < d.s; s++)
            meetings(o, d, r, s, [&](int64_t to, int64_t from) {
                for (int64_t k = 0; k < d.k; k++)
                    add(&sums[((k * d.r + r) * d.s + s) * d.c], out[to * d.k + k], &in[from * d.c], d.c);
            });
    return sums;
}

// Nearly 1, and another number at each call and in each process: off by some of the last bits that are stored.
static double unsteady(bool bf16) {
    auto now = (uint64_t)std::chrono::steady_clock::now().time_since_epoch().count();
    return 1 + (double)(now % 1021) / 1021 * (bf16 ? 0x1p-7 : 0x1p-20);
}

void convolve(const Convolution& o, Rounding rounding, char* x, char* w, char* y, const char* bias) {
    Shape d = {o.x.size[0], o.x.size[1], o.x.size[2], o.x.size[3], o.w.size[0], o.w.size[2], o.w.size[3], o.y.size[2], o.y.size[3]};
    std::vector<double> sums = o.pass == Pass::Forward ? forward(o, d, rounding, x, w)
                               : o.pass == Pass::Data  ? backward_data(o, d, rounding, w, y)
                                                       : backward_filter(o, d, rounding, x, y);
    double factor = rounding == Rounding::Unsteady ? unsteady(o.x.bf16) : 1;
    const Tensor& t = o.result();
    char* at = o.pass == Pass::Forward ? y : o.pass == Pass::Data ? x : w;
    size_t next = 0;  // the sums are in the order N, H, W, C, or K, R, S, C
    for (int64_t n = 0; n < t.size[0]; n++)
        for (int64_t h = 0; h < t.size[2]; h++)
            for (int64_t v = 0; v < t.size[3]; v++)
                for (int64_t c = 0; c < t.size[1]; c++) {
                    int64_t i = n * t.stride[0] + c * t.stride[1] + h * t.stride[2] + v * t.stride[3];
                    double held = o.beta == 0 ? 0 : o.beta * (double)read(t, at, i);
                    double value = o.alpha * factor * sums[next++] + held;
                    if (o.biased) value += (double)read(o.bias, bias, c * o.bias.stride[1]);
                    write(t, at, i, o.relu && value < 0 ? 0 : value);  // a NaN passes
                }
}

}  // namespace soft
