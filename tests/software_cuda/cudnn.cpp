// libcudnn: the backend (graph) API, for graphs of one convolution, forward or backward, and of a forward one with what follows it.
//
// A descriptor is a bag of checked attributes; `finalize` looks whether those it needs are there and makes
// sense, and from then on it does not change. What refers to a descriptor shares its content, so the
// referred handle may be destroyed. Sums are exact in every engine but two, which their notes tell of.
#include "cudnn.h"
#include "convolution.h"
#include <algorithm>
#include <cstdio>
#include <dlfcn.h>

namespace soft {

static thread_local std::string last_error;
static int refuse(Refusal code, const std::string& why) { return last_error = why, code; }

static Handles<Descriptor> descriptors;
static Handles<Cudnn> handles;

// ---- what finalizing checks beyond the presence of attributes

static int check_tensor(const Content& d) {
    int type = d.get<int>(901);
    if (type != 0 && type != 9) return refuse(UNSUPPORTED_TYPE, "a tensor is f32 or bf16");
    int64_t alignment = d.get<int64_t>(900);
    if (alignment < (type == 9 ? 2 : 4) || (alignment & (alignment - 1))) return refuse(BAD_PARAM, "alignment");
    for (size_t i = 0; i < 4; i++)
        if (d.get<int64_t>(902, i) < 1 || d.get<int64_t>(903, i) < 1) return refuse(OUT_OF_BOUND, "a size or stride below 1");
    return OK;
}
static int check_convolution(const Content& d) {
    if (d.get<int64_t>(106) != 2 || d.get<int>(101) != 1) return refuse(UNSUPPORTED, "only 2-d cross-correlation");
    if (d.get<int>(100) != 0) return refuse(UNSUPPORTED_TYPE, "a convolution computes in f32");
    for (size_t i = 0; i < 2; i++) {
        if (d.get<int64_t>(102, i) < 1 || d.get<int64_t>(103, i) < 1) return refuse(OUT_OF_BOUND, "dilation or stride below 1");
        if (d.get<int64_t>(104, i) < 0 || d.get<int64_t>(105, i) < 0) return refuse(OUT_OF_BOUND, "negative padding");
    }
    return OK;
}
static Tensor tensor_of(const Content& d) {
    Tensor t;
    t.bf16 = d.get<int>(901) == 9;
    t.id = d.get<int64_t>(906);
    t.alignment = d.get<int64_t>(900);
    t.is_virtual = d.values.count(907) && d.get<bool>(907);
    for (size_t i = 0; i < 4; i++) t.size[i] = d.get<int64_t>(902, i), t.stride[i] = d.get<int64_t>(903, i);
    return t;
}
static Convolution operation_of(const Content& op) {
    // the attributes of alpha, beta, the convolution, and the tensors x, w, y
    struct { Pass pass; int alpha, beta, how, x, w, y; } at =
        op.type == FORWARD ? decltype(at){Pass::Forward, 700, 701, 702, 704, 703, 705}
        : op.type == DATA  ? decltype(at){Pass::Data, 706, 707, 708, 710, 709, 711}
                           : decltype(at){Pass::Filter, 712, 713, 714, 716, 715, 717};
    Convolution o;
    o.pass = at.pass;
    o.alpha = op.get<float>(at.alpha), o.beta = op.get<float>(at.beta);
    o.x = tensor_of(*op.refers(at.x)), o.w = tensor_of(*op.refers(at.w)), o.y = tensor_of(*op.refers(at.y));
    const Content& how = *op.refers(at.how);
    for (size_t i = 0; i < 2; i++) {
        o.dilation[i] = how.get<int64_t>(102, i), o.stride[i] = how.get<int64_t>(103, i);
        o.after[i] = how.get<int64_t>(104, i), o.before[i] = how.get<int64_t>(105, i);
    }
    return o;
}
static int check_operation(const Content& op) {
    Convolution o = operation_of(op);
    // What others read at once may be f32.
    bool handed_on = op.type == FORWARD && o.y.is_virtual && !o.y.bf16;
    if (o.x.bf16 != o.w.bf16 || (o.x.bf16 != o.y.bf16 && !handed_on)) return refuse(UNSUPPORTED_TYPE, "tensors of two types");
    if (o.x.id == o.w.id || o.x.id == o.y.id || o.w.id == o.y.id) return refuse(BAD_PARAM, "tensors with one unique id");
    bool fits = o.y.size[0] == o.x.size[0] && o.y.size[1] == o.w.size[0] && o.w.size[1] == o.x.size[1];
    for (size_t i = 0; i < 2; i++) {
        int64_t span = o.dilation[i] * (o.w.size[i + 2] - 1) + 1, room = o.x.size[i + 2] + o.before[i] + o.after[i];
        fits = fits && room >= span && o.y.size[i + 2] == (room - span) / o.stride[i] + 1;
    }
    return fits ? OK : refuse(SHAPE_MISMATCH, "the tensors' shapes do not fit the convolution");
}

// ---- graphs: a convolution, or a forward one, + bias, and perhaps a ReLU, whose tensors between are virtual

enum { ADD = 0, RELU = 100 };  // modes of a POINTWISE
static int mode_of(const Content& each) { return each.refers(750)->get<int>(0); }
static int check_pointwise(const Content& d) {
    if (d.get<int>(0) != ADD && d.get<int>(0) != RELU) return refuse(UNSUPPORTED, "a sum or a ReLU");
    return d.get<int>(1) == 0 ? OK : refuse(UNSUPPORTED_TYPE, "it computes in f32");
}
static int check_each(const Content& d) {
    if ((mode_of(d) == ADD) != (d.values.count(752) != 0)) return refuse(BAD_PARAM, "a sum reads two tensors, a ReLU one");
    return tensor_of(*d.refers(751)).size == tensor_of(*d.refers(753)).size ? OK : refuse(SHAPE_MISMATCH, "x and y of two sizes");
}
static const std::vector<Shared>& operations(const Content& graph) { return graph.values.at(801).descriptors; }
static Convolution convolution_of(const Content& graph) {
    auto& all = operations(graph);
    Convolution o = operation_of(*all[0]);
    if (all.size() == 1) return o;
    o.biased = true, o.bias = tensor_of(*all[1]->refers(752));
    o.relu = all.size() == 3;
    o.y = tensor_of(*all.back()->refers(753));
    return o;
}
static int check_graph(const Content& d) {
    if (fails("graph")) return refuse(UNSUPPORTED, "SOFTWARE_CUDA_FAIL: no graph today");
    auto& all = operations(d);
    if (all[0]->type == EACH) return refuse(UNSUPPORTED, "no convolution comes first");
    Convolution first = operation_of(*all[0]);
    Tensor last = first.y;
    for (size_t i = 1; i < all.size(); i++) {
        bool fits = all[0]->type == FORWARD && all[i]->type == EACH && mode_of(*all[i]) == (i == 1 ? ADD : RELU);
        if (!fits) return refuse(UNSUPPORTED, "after a forward convolution come a bias and a ReLU");
        if (!last.is_virtual || last.id != all[i]->refers(751)->get<int64_t>(906))
            return refuse(BAD_PARAM, "an operation does not read what the one before wrote, or that is not virtual");
        last = tensor_of(*all[i]->refers(753));
    }
    Convolution o = convolution_of(d);
    if (o.x.is_virtual || o.w.is_virtual || o.y.is_virtual) return refuse(BAD_PARAM, "a virtual tensor at the edge of a graph");
    if (all.size() == 1) return OK;
    std::set<int64_t> ids = {o.x.id, o.w.id, o.y.id, o.bias.id, first.y.id};
    if (ids.size() != 5 || o.bias.is_virtual) return refuse(BAD_PARAM, "tensors with one unique id, or a virtual bias");
    bool of_channels = o.bias.size == std::array<int64_t, 4>{1, o.y.size[1], 1, 1};
    return of_channels && first.alpha == 1 && first.beta == 0 ? OK : refuse(SHAPE_MISMATCH, "a bias has a number for each channel");
}
// Whether it is a graph for which NVIDIA's has engines: the bias is stored as maps are, what is handed on is f32.
static bool served(const Content& graph) {
    auto& all = operations(graph);
    if (all.size() == 1) return true;
    Convolution o = convolution_of(graph);
    bool narrow = false;
    for (size_t i = 0; i + 1 < all.size(); i++) narrow |= tensor_of(*all[i]->refers(i == 0 ? 705 : 753)).bf16;
    return !fails("fused") && o.bias.bf16 == o.x.bf16 && o.y.bf16 == o.x.bf16 && !narrow;
}

// ---- devices: one of a handle, or one that is only described, for which plans can be made and not executed

static const char PROPERTIES[] =
    "{\"deviceName\":\"Software CUDA\",\"deviceVer\":900,\"driverVer\":13000,\"cudaDeviceId\":0,\"multiProcessorCount\":132}";
static int check_device(Content& d) {
    if (d.values.count(2702)) {
        std::string text(d.values[2702].bytes.begin(), d.values[2702].bytes.end());
        return text[0] == '{' && text.find("\"deviceVer\"") != std::string::npos ? OK : refuse(BAD_PARAM, "not the JSON of a device");
    }
    if (!d.values.count(2700)) return refuse(BAD_PARAM, "neither the number of a device nor its properties");
    d.values[2702] = {sizeof PROPERTIES - 1, std::vector<char>(PROPERTIES, PROPERTIES + sizeof PROPERTIES - 1), {}};
    return OK;
}
// Whether something has a handle, or a device that is described; `name` is the attribute of the latter.
static int check_target(const Content& d, bool handle, int name) {
    return handle || d.values.count(name) ? OK : refuse(BAD_PARAM, "neither a handle nor a device");
}
// As NVIDIA's on a T4, of compute capability 7.5.
static bool lacks_bf16(const Content& heuristics) {
    if (!heuristics.values.count(204)) return false;
    auto& bytes = heuristics.refers(204)->values.at(2702).bytes;
    return std::string(bytes.begin(), bytes.end()).find("\"deviceVer\": 750") != std::string::npos;
}

// ---- engines: 0 is plain, 1 and all from 3 on round f32 operands to TF32, 2 (of filter gradients) differs from call to call, and the last,
// of convolutions with a bias, is compiled at run time

constexpr int64_t COMPILED = 99;
static std::vector<int64_t> engines(const Content& graph, int heuristic) {
    Convolution o = convolution_of(graph);
    if (!served(graph)) return {};
    std::string order = setting("SOFTWARE_CUDA_ENGINES", "");
    std::vector<int64_t> list = {0};
    if (fails("engines") || (heuristic == 2 && order == "many")) return {};
    if (heuristic == 2) return list;  // fallback
    if (!o.x.bf16) list.push_back(1);
    if (o.pass == Pass::Filter) list.push_back(2);
    if (o.biased) list.push_back(COMPILED);
    // As long as NVIDIA's longest lists, whose exact engines come last.
    for (int64_t more = 3; !o.x.bf16 && order == "many" && more < 40; more++) list.push_back(more);
    if (order == "reverse" || order == "many") std::reverse(list.begin(), list.end());
    return list;
}
static bool rounds(int64_t engine) { return engine == 1 || (engine > 2 && engine != COMPILED); }
static int check_engine(const Content& engine) {
    auto all = engines(*engine.refers(1300), 3);
    bool known = std::count(all.begin(), all.end(), engine.get<int64_t>(1301)) != 0;
    return known ? OK : refuse(UNSUPPORTED, "the graph has no such engine");
}
static std::vector<int> notes(const Content& engine) {
    int64_t number = engine.get<int64_t>(1301);
    bool bf16 = convolution_of(*engine.refers(1300)).x.bf16;
    std::vector<int> list;
    if (bf16 || rounds(number)) list.push_back(0);  // tensor cores
    if (rounds(number)) list.push_back(1);          // down-converts inputs
    if (number == 2) list.push_back(4);             // nondeterministic
    return list;
}
static int64_t workspace(const Content& plan) {
    const Content& graph = *plan.refers(401)->refers(300)->refers(1300);
    return operations(graph)[0]->type == FILTER ? 4096 : 0;
}

static int finalize(Content& d) {
    if (d.finalized) return refuse(ALREADY_FINALIZED, "finalized twice");
    for (auto& r : rules)
        if (r.of == d.type && r.required && !d.values.count(r.name))
            return refuse(BAD_PARAM, "attribute " + std::to_string(r.name) + " is missing");
    int status = OK;
    switch (d.type) {
    case TENSOR: status = check_tensor(d); break;
    case CONVOLUTION: status = check_convolution(d); break;
    case FORWARD: case DATA: case FILTER: status = check_operation(d); break;
    case POINTWISE: status = check_pointwise(d); break;
    case EACH: status = check_each(d); break;
    case ENGINE: status = check_engine(d); break;
    case GRAPH: status = check_graph(d); break;
    case PLAN:
        status = check_target(d, d.values.count(400), 407);
        if (fails("plan")) status = refuse(UNSUPPORTED, "SOFTWARE_CUDA_FAIL: no plan today");
        break;
    case DEVICE: status = check_device(d); break;
    case HEURISTICS: status = check_target(d, d.refers(201)->values.count(800), 204); break;
    case PACK:
        if (d.values[1000].count != d.values[1001].count) status = refuse(BAD_PARAM, "as many pointers as ids, please");
    }
    d.finalized = status == OK;
    return status;
}

// ---- execution

static int execute(Cudnn* handle, const Content& plan, const Content& pack) {
    if (!plan.values.count(400) || handle != plan.get<Cudnn*>(400)) return refuse(BAD_PARAM, "the plan is of another handle");
    if (fails("execute")) return refuse(EXECUTION_FAILED, "SOFTWARE_CUDA_FAIL: no execution today");
    const Content& engine = *plan.refers(401)->refers(300);
    Convolution o = convolution_of(*engine.refers(1300));
    char* at[4] = {};
    const Tensor* tensors[4] = {&o.x, &o.w, &o.y, &o.bias};
    for (int i = 0; i < (o.biased ? 4 : 3); i++) {
        for (int64_t j = 0; j < pack.values.at(1000).count; j++)
            if (pack.get<int64_t>(1000, (size_t)j) == tensors[i]->id) at[i] = pack.get<char*>(1001, (size_t)j);
        if (!at[i]) return refuse(NULL_POINTER, "no data for tensor " + std::to_string(tensors[i]->id));
        if ((Address)at[i] % (Address)tensors[i]->alignment) return refuse(MISALIGNED, "data are not aligned as their tensor says");
    }
    size_t scratch = (size_t)workspace(plan);
    char* space = pack.values.count(1003) ? pack.get<char*>(1003) : nullptr;
    if (scratch && !space) return refuse(NULL_POINTER, "the plan needs a workspace");
    int64_t number = engine.get<int64_t>(1301);
    if (number == COMPILED) die("an engine was chosen that cuDNN compiles at run time, which takes seconds");
    Rounding rounding = rounds(number) ? Rounding::Tf32 : number == 2 ? Rounding::Unsteady : Rounding::None;
    Status status = enqueue(handle->stream, o.biased ? "convolution with bias" : "convolution", [=, x = at[0], w = at[1], y = at[2], bias = at[3], device = current()] {
        bool live = live_device((Address)x, o.x.bytes(), device) && live_device((Address)w, o.w.bytes(), device) &&
                    live_device((Address)y, o.y.bytes(), device) && (!scratch || live_device((Address)space, scratch, device)) &&
                    (!o.biased || live_device((Address)bias, o.bias.bytes(), device));
        if (!live) die("a convolution's tensor or workspace lies outside the device's allocations");
        if (scratch) std::memset(space, 0xff, scratch);  // its content is nobody's
        convolve(o, rounding, x, w, y, bias);
        check_guards("a convolution");
    });
    return status == SUCCESS ? OK : refuse(EXECUTION_FAILED, "the driver refused, with error " + std::to_string(status));
}

static int fill_results(const Content& heuristics, int64_t room, int64_t* count, Descriptor** out) {
    const Shared& graph = heuristics.refers(201);
    std::vector<int64_t> list = engines(*graph, heuristics.get<int>(200));
    if (lacks_bf16(heuristics) && convolution_of(*graph).x.bf16) list.clear();
    if (count) *count = (int64_t)list.size();
    if (!out) return OK;
    if (count) *count = std::min(room, *count);
    for (size_t i = 0; i < list.size() && (int64_t)i < room; i++) {
        if (!descriptors.has(out[i]) || out[i]->content->type != CONFIG)
            return refuse(DESCRIPTOR_TYPE, "results are engine configurations");
        if (out[i]->content->finalized) return refuse(ALREADY_FINALIZED, "a result's place is taken");
        auto engine = std::make_shared<Content>(Content{ENGINE, true, {}});
        engine->values[1300] = {1, {}, {graph}};
        engine->values[1301] = {1, std::vector<char>((char*)&list[i], (char*)(&list[i] + 1)), {}};
        out[i]->content->values[300] = {1, {}, {engine}};
        out[i]->content->finalized = true;
    }
    return OK;
}
template <class T> static int give(const std::vector<T>& all, int64_t room, int64_t* count, void* out) {
    if (count) *count = (int64_t)all.size();
    if (out) std::memcpy(out, all.data(), std::min(all.size(), (size_t)std::max<int64_t>(room, 0)) * sizeof(T));
    return OK;
}

}  // namespace soft
using namespace soft;

#define LOCKED std::lock_guard<std::recursive_mutex> locked(soft::lock())

API size_t cudnnGetVersion() { return 91900; }
API size_t cudnnGetCudartVersion() { return 13000; }
API int cudnnGraphVersionCheck() { return OK; }
API int cudnnOpsVersionCheck() { return OK; }
API int cudnnCnnVersionCheck() { return OK; }
API int cudnnGetProperty(int which, int* value) {
    static const int version[] = {9, 19, 0};
    return which < 0 || which > 2 ? BAD_PARAM : (*value = version[which], OK);
}
API const char* cudnnGetErrorString(int code) {
    switch (code / 1000) {
    case 0: return "CUDNN_STATUS_SUCCESS";
    case 1: return "CUDNN_STATUS_NOT_INITIALIZED";
    case 2: return "CUDNN_STATUS_BAD_PARAM";
    case 3: return "CUDNN_STATUS_NOT_SUPPORTED";
    default: return "CUDNN_STATUS_EXECUTION_FAILED";
    }
}
API void cudnnGetLastErrorString(char* out, size_t room) {
    std::snprintf(out, room, "%s", last_error.c_str());
    last_error.clear();
}
API int cudnnCreate(Cudnn** out) {
    may_hang("cudnnCreate");
    LOCKED;
    // As NVIDIA's, which ends the process; stricter, in that it must be there already.
    if (!dlopen("libcublasLt.so.13", RTLD_LAZY | RTLD_NOLOAD)) die("Cannot load symbol cublasLtGetVersion");
    if (!current()) return refuse(EXECUTION_FAILED, "no current context");
    return *out = handles.add(new Cudnn), OK;
}
API int cudnnDestroy(Cudnn* handle) {
    LOCKED;
    return handles.remove(handle) ? OK : refuse(BAD_PARAM, "no such handle");
}
API int cudnnSetStream(Cudnn* handle, Stream* stream) {
    LOCKED;
    if (!handles.has(handle) || valid(stream) != SUCCESS) return refuse(BAD_PARAM, "no such handle or stream");
    return handle->stream = stream, OK;
}
API int cudnnGetStream(Cudnn* handle, Stream** stream) {
    LOCKED;
    if (!handles.has(handle)) return refuse(BAD_PARAM, "no such handle");
    return *stream = handle->stream, OK;
}

API int cudnnBackendCreateDescriptor(int type, Descriptor** out) {
    LOCKED;
    bool known = false;
    for (auto& r : rules) known |= r.of == type;
    if (!known) return refuse(UNSUPPORTED, "descriptor of type " + std::to_string(type));
    return *out = descriptors.add(new Descriptor{std::make_shared<Content>(Content{type, false, {}})}), OK;
}
API int cudnnBackendDestroyDescriptor(Descriptor* descriptor) {
    LOCKED;
    return descriptors.remove(descriptor) ? OK : refuse(BAD_PARAM, "no such descriptor");
}
API int cudnnBackendSetAttribute(Descriptor* descriptor, int name, int type, int64_t count, const void* elements) {
    LOCKED;
    if (!descriptors.has(descriptor) || !elements) return refuse(NULL_POINTER, "no such descriptor, or no elements");
    Content& d = *descriptor->content;
    if (d.finalized) return refuse(ALREADY_FINALIZED, "the descriptor is finalized");
    const Rule* r = rule(d.type, name);
    if (!r) return refuse(BAD_PARAM, "attribute " + std::to_string(name) + " is not of this descriptor");
    if (r->type != type && !(r->type == FLOAT && type == DOUBLE)) return refuse(ATTRIBUTE_TYPE, "attribute of another type");
    if (count < r->least || count > r->most) return refuse(BAD_PARAM, "number of elements");
    Value value{count, {}, {}};
    if (type == DOUBLE) {  // of alpha and beta, kept as f32
        float single = (float)*(const double*)elements;
        value.bytes.assign((char*)&single, (char*)(&single + 1));
    } else if (type == DESCRIPTOR) {
        for (int64_t i = 0; i < count; i++) {
            auto* other = ((Descriptor* const*)elements)[i];
            if (!descriptors.has(other)) return refuse(NULL_POINTER, "no such descriptor to refer to");
            int kind = other->content->type;
            bool operation = kind == FORWARD || kind == DATA || kind == FILTER || kind == EACH;
            if (r->refers == -1 ? !operation : kind != r->refers)
                return refuse(DESCRIPTOR_TYPE, "it refers to a descriptor of another type");
            if (!other->content->finalized) return refuse(NOT_FINALIZED, "it refers to a descriptor that is not finalized");
            value.descriptors.push_back(other->content);
        }
    } else {
        value.bytes.assign((const char*)elements, (const char*)elements + (size_t)count * width(type));
        if (type == HANDLE && !handles.has(*(Cudnn* const*)elements)) return refuse(BAD_PARAM, "no such handle");
    }
    return d.values[name] = std::move(value), OK;
}
API int cudnnBackendFinalize(Descriptor* descriptor) {
    LOCKED;
    return descriptors.has(descriptor) ? finalize(*descriptor->content) : refuse(NULL_POINTER, "no such descriptor");
}
API int cudnnBackendGetAttribute(Descriptor* descriptor, int name, int type, int64_t room, int64_t* count, void* out) {
    LOCKED;
    if (!descriptors.has(descriptor)) return refuse(NULL_POINTER, "no such descriptor");
    const Content& d = *descriptor->content;
    if (!d.finalized) return refuse(NOT_FINALIZED, "the descriptor is not finalized");
    if (d.type == HEURISTICS && name == 202 && type == DESCRIPTOR)
        return fill_results(d, room, count, (Descriptor**)out);
    if (d.type == ENGINE && name == 1303 && type == NUMERICAL) return give(notes(d), room, count, out);
    if (d.type == ENGINE && name == 1305 && type == BEHAVIOR)
        return give(d.get<int64_t>(1301) == COMPILED ? std::vector<int>{0, 3} : std::vector<int>{3}, room, count, out);  // compiled; works in CUDA graphs
    if (d.type == CONFIG && name == 302 && type == DESCRIPTOR) return give(std::vector<int64_t>{}, room, count, out);  // no choices
    if (d.type == PLAN && name == 402 && type == INT64)
        return give(std::vector<int64_t>{workspace(d)}, room, count, out);
    const Rule* r = rule(d.type, name);
    if (!r || r->type != type || !d.values.count(name)) return refuse(BAD_PARAM, "attribute " + std::to_string(name) + " cannot be read");
    const Value& value = d.values.at(name);
    if (type == DESCRIPTOR) {  // becomes the content of a descriptor that the caller made
        if (count) *count = 1;
        if (!out || room < 1) return OK;
        auto* place = *(Descriptor**)out;
        if (!descriptors.has(place) || place->content->type != value.descriptors[0]->type || place->content->finalized)
            return refuse(DESCRIPTOR_TYPE, "needs a fresh descriptor of the right type to put it in");
        return place->content = value.descriptors[0], OK;
    }
    if (count) *count = value.count;
    if (out) std::memcpy(out, value.bytes.data(), (size_t)std::min(std::max<int64_t>(room, 0), value.count) * width(type));
    return OK;
}
API int cudnnBackendExecute(Cudnn* handle, Descriptor* plan, Descriptor* pack) {
    LOCKED;
    if (!handles.has(handle) || !descriptors.has(plan) || !descriptors.has(pack))
        return refuse(NULL_POINTER, "no such handle, plan or pack");
    if (plan->content->type != PLAN || pack->content->type != PACK)
        return refuse(DESCRIPTOR_TYPE, "needs a plan and a variant pack");
    if (!plan->content->finalized || !pack->content->finalized)
        return refuse(NOT_FINALIZED, "plan and pack must be finalized");
    return execute(handle, *plan->content, *pack->content);
}
