// What libcudnn's descriptors hold, and the rules of their attributes.
#pragma once
#include "software_cuda.h"
#include <cstring>
#include <map>

namespace soft {

// The values of cudnnStatus_t that are returned here.
enum Refusal : int {
    OK = 0, BAD_PARAM = 2000, NULL_POINTER = 2002, MISALIGNED = 2003, NOT_FINALIZED = 2004, OUT_OF_BOUND = 2005,
    SHAPE_MISMATCH = 2008, ATTRIBUTE_TYPE = 2010, DESCRIPTOR_TYPE = 2012, ALREADY_FINALIZED = 1001,
    UNSUPPORTED = 3000, UNSUPPORTED_TYPE = 3003, EXECUTION_FAILED = 5001,
};

// Types of attributes, and of descriptors, as cudnnBackend…_t number them.
enum {
    HANDLE = 0, DATA_TYPE = 1, BOOLEAN = 2, INT64 = 3, FLOAT = 4, DOUBLE = 5, POINTER = 6, MODE = 7, HEURISTIC = 8, NAN_RULE = 10,
    NUMERICAL = 11, POINTWISE_MODE = 14, DESCRIPTOR = 15, BEHAVIOR = 19, KNOB_TYPE = 9, INT32 = 23, CHAR = 24,
};
enum {
    POINTWISE = 0, CONVOLUTION = 1, ENGINE = 2, CONFIG = 3, HEURISTICS = 4, PLAN = 5, KNOB_CHOICE = 7, FORWARD = 10, FILTER = 11, DATA = 12,
    EACH = 13, GRAPH = 15,  // EACH: the operation of a POINTWISE
    PACK = 16, TENSOR = 17, DEVICE = 38,
};

struct Rule {
    int of, name, type;
    int64_t least, most;  // how many elements
    bool required;
    int refers;           // the kind of descriptor it must be
};
// The attributes that can be set, with the numbers of cudnnBackendAttributeName_t.
static const Rule rules[] = {
    {TENSOR, 900, INT64, 1, 1, true, 0},      // byte alignment
    {TENSOR, 901, DATA_TYPE, 1, 1, true, 0},
    {TENSOR, 902, INT64, 4, 4, true, 0},      // dimensions
    {TENSOR, 903, INT64, 4, 4, true, 0},      // strides
    {TENSOR, 906, INT64, 1, 1, true, 0},      // unique id
    {TENSOR, 907, BOOLEAN, 1, 1, false, 0},   // whether it is virtual
    {POINTWISE, 0, POINTWISE_MODE, 1, 1, true, 0},
    {POINTWISE, 1, DATA_TYPE, 1, 1, true, 0}, // in which it computes
    {POINTWISE, 2, NAN_RULE, 1, 1, false, 0}, // whether NaN passes
    {EACH, 750, DESCRIPTOR, 1, 1, true, POINTWISE},
    {EACH, 751, DESCRIPTOR, 1, 1, true, TENSOR},   // x
    {EACH, 752, DESCRIPTOR, 1, 1, false, TENSOR},  // b
    {EACH, 753, DESCRIPTOR, 1, 1, true, TENSOR},   // y
    {CONVOLUTION, 100, DATA_TYPE, 1, 1, true, 0},
    {CONVOLUTION, 101, MODE, 1, 1, true, 0},
    {CONVOLUTION, 102, INT64, 2, 2, true, 0}, // dilations
    {CONVOLUTION, 103, INT64, 2, 2, true, 0}, // strides
    {CONVOLUTION, 104, INT64, 2, 2, true, 0}, // padding behind
    {CONVOLUTION, 105, INT64, 2, 2, true, 0}, // padding in front
    {CONVOLUTION, 106, INT64, 1, 1, true, 0}, // spatial dimensions
    {FORWARD, 700, FLOAT, 1, 1, true, 0},  // alpha
    {FORWARD, 701, FLOAT, 1, 1, true, 0},  // beta
    {FORWARD, 702, DESCRIPTOR, 1, 1, true, CONVOLUTION},
    {FORWARD, 703, DESCRIPTOR, 1, 1, true, TENSOR},  // w
    {FORWARD, 704, DESCRIPTOR, 1, 1, true, TENSOR},  // x
    {FORWARD, 705, DESCRIPTOR, 1, 1, true, TENSOR},  // y
    {DATA, 706, FLOAT, 1, 1, true, 0},  // alpha
    {DATA, 707, FLOAT, 1, 1, true, 0},  // beta
    {DATA, 708, DESCRIPTOR, 1, 1, true, CONVOLUTION},
    {DATA, 709, DESCRIPTOR, 1, 1, true, TENSOR},  // w
    {DATA, 710, DESCRIPTOR, 1, 1, true, TENSOR},  // dx
    {DATA, 711, DESCRIPTOR, 1, 1, true, TENSOR},  // dy
    {FILTER, 712, FLOAT, 1, 1, true, 0},  // alpha
    {FILTER, 713, FLOAT, 1, 1, true, 0},  // beta
    {FILTER, 714, DESCRIPTOR, 1, 1, true, CONVOLUTION},
    {FILTER, 715, DESCRIPTOR, 1, 1, true, TENSOR},  // dw
    {FILTER, 716, DESCRIPTOR, 1, 1, true, TENSOR},  // x
    {FILTER, 717, DESCRIPTOR, 1, 1, true, TENSOR},  // dy
    {DEVICE, 2700, INT32, 1, 1, false, 0},        // the device's number,
    {DEVICE, 2702, CHAR, 1, 65536, false, 0},     // or its properties as JSON
    {GRAPH, 800, HANDLE, 1, 1, false, 0},         // without it graphs are planned for a device that is described
    {GRAPH, 801, DESCRIPTOR, 1, 3, true, -1}, // operations, a convolution first
    {HEURISTICS, 200, HEURISTIC, 1, 1, true, 0},
    {HEURISTICS, 201, DESCRIPTOR, 1, 1, true, GRAPH},
    {HEURISTICS, 204, DESCRIPTOR, 1, 1, false, DEVICE},
    {ENGINE, 1300, DESCRIPTOR, 1, 1, true, GRAPH},
    {ENGINE, 1301, INT64, 1, 1, true, 0},     // its number
    {CONFIG, 300, DESCRIPTOR, 1, 1, true, ENGINE},
    {KNOB_CHOICE, 600, KNOB_TYPE, 1, 1, true, 0},
    {KNOB_CHOICE, 601, INT64, 1, 1, true, 0},
    {PLAN, 400, HANDLE, 1, 1, false, 0},
    {PLAN, 401, DESCRIPTOR, 1, 1, true, CONFIG},
    {PLAN, 407, DESCRIPTOR, 1, 1, false, DEVICE},
    {PACK, 1000, INT64, 1, 64, true, 0},      // unique ids
    {PACK, 1001, POINTER, 1, 64, true, 0},    // where their data are
    {PACK, 1003, POINTER, 1, 1, false, 0},    // workspace
};

struct Content;
using Shared = std::shared_ptr<Content>;
struct Value {
    int64_t count = 0;
    std::vector<char> bytes;
    std::vector<Shared> descriptors;
};
struct Content {
    int type;
    bool finalized = false;
    std::map<int, Value> values;
    const Shared& refers(int name) const { return values.at(name).descriptors.at(0); }
    template <class T> T get(int name, size_t i = 0) const {
        T value;
        return std::memcpy(&value, values.at(name).bytes.data() + i * sizeof(T), sizeof(T)), value;
    }
};
struct Descriptor { Shared content; };
struct Cudnn { Stream* stream = nullptr; };

inline size_t width(int type) {
    switch (type) {
    case CHAR: case BOOLEAN: return 1;
    case DATA_TYPE: case MODE: case HEURISTIC: case FLOAT: case INT32: case KNOB_TYPE: case NAN_RULE: case POINTWISE_MODE: return 4;
    default: return 8;
    }
}
inline const Rule* rule(int type, int name) {
    for (auto& r : rules)
        if (r.of == type && r.name == name) return &r;
    return nullptr;
}

}  // namespace soft
