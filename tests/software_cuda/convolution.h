// The arithmetic of libcudnn: a convolution's three passes over strided tensors on the CPU.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace soft {

enum class Pass { Forward, Data, Filter };
enum class Rounding { None, Tf32, Unsteady };  // of operands; Unsteady: results differ from call to call

// Dimensions in cuDNN's order: N, C, H, W of activations; K, C, R, S of filters. Strides in elements.
struct Tensor {
    bool bf16 = false;
    int64_t id = 0, alignment = 1;
    std::array<int64_t, 4> size{}, stride{};
    bool is_virtual = false;  // part of a graph, without memory
    uint64_t bytes() const {  // from the first to behind the last element
        int64_t last = 0;
        for (int i = 0; i < 4; i++) last += (size[i] - 1) * stride[i];
        return (uint64_t)(last + 1) * (bf16 ? 2 : 4);
    }
};
struct Convolution {
    Pass pass = Pass::Forward;
    Tensor x, w, y;
    std::array<int64_t, 2> before{}, after{}, stride{}, dilation{};
    double alpha = 1, beta = 0;
    bool biased = false, relu = false;  // what a forward pass does to its sums before they are rounded
    Tensor bias;
    const Tensor& result() const { return pass == Pass::Forward ? y : pass == Pass::Data ? x : w; }
};

// Reads two of the tensors at `x`, `w`, `y` and writes the third: alpha * result + beta * what it held, or alpha * result + bias, cut at 0.
// Sums are in f64, and rounded once, to nearest even, when stored.
void convolve(const Convolution&, Rounding, char* x, char* w, char* y, const char* bias);

}  // namespace soft
