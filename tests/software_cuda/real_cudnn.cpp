// A libcudnn.so.9 between the program and two others. NVIDIA's own gets every call but execution, and knows a device by its properties
// alone; the software one executes. What NVIDIA's refuses is refused, so an unchanged program shows whether its calls are right.
//   REAL_CUDNN, SOFT_CUDNN    the files of both libraries
//   REAL_CUDNN_DEVICE         a file of properties as JSON, as src/ops/cuda/devices has them
// Built and used by scripts/check_cudnn.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

using Raw = void*;
enum { HANDLE = 0, DESCRIPTOR = 15, CHAR = 24 };                          // types of attributes
enum { HEURISTICS = 4, PLAN = 5, DEVICE = 38 };                           // types of descriptors
enum { HEURISTICS_DEVICE = 204, PLAN_WORKSPACE = 402, PLAN_JSON = 405, PLAN_DEVICE = 407, PROPERTIES = 2702 };

static const char* setting(const char* name) {
    const char* value = std::getenv(name);
    if (!value) std::fprintf(stderr, "real cudnn: %s is not set\n", name), std::abort();
    return value;
}

struct Library {
    void* file;
    int (*create)(int, Raw*);
    int (*destroy)(Raw);
    int (*set)(Raw, int, int, int64_t, const void*);
    int (*get)(Raw, int, int, int64_t, int64_t*, void*);
    int (*finalize)(Raw);

    explicit Library(const char* path) : file(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
        if (!file) std::fprintf(stderr, "real cudnn: %s\n", dlerror()), std::abort();
        find(create, "cudnnBackendCreateDescriptor");
        find(destroy, "cudnnBackendDestroyDescriptor");
        find(set, "cudnnBackendSetAttribute");
        find(get, "cudnnBackendGetAttribute");
        find(finalize, "cudnnBackendFinalize");
    }
    template <class F> void find(F& function, const char* name) const {
        function = (F)dlsym(file, name);
        if (!function) std::fprintf(stderr, "real cudnn: a library has no %s\n", name), std::abort();
    }
};
static const Library& real() {
    static const Library library(setting("REAL_CUDNN"));
    return library;
}
static const Library& soft() {
    static const Library library(setting("SOFT_CUDNN"));
    return library;
}
template <class F> static F in(const Library& library, const char* name) {
    F function;
    return library.find(function, name), function;
}

// What the program holds: a descriptor of each library.
struct Pair {
    int type;
    Raw real = nullptr, soft = nullptr;
    std::string plan;  // NVIDIA's words for it, of a plan
};
static std::set<Pair*> live;
static Pair* alive(Pair* pair) {
    if (!live.count(pair)) std::fprintf(stderr, "real cudnn: a descriptor that is not alive\n"), std::abort();
    return pair;
}

static Raw device() {
    static const Raw made = [] {
        std::ifstream file(setting("REAL_CUDNN_DEVICE"));
        std::string json(std::istreambuf_iterator<char>(file), {});
        Raw raw = nullptr;
        if (real().create(DEVICE, &raw) || real().set(raw, PROPERTIES, CHAR, (int64_t)json.size(), json.data()) || real().finalize(raw))
            std::fprintf(stderr, "real cudnn: REAL_CUDNN_DEVICE is refused\n"), std::abort();
        return raw;
    }();
    return made;
}
static std::string words(Raw plan) {
    int64_t count = 0;
    if (real().get(plan, PLAN_JSON, CHAR, 0, &count, nullptr)) return "";
    std::string text((size_t)count, '\0');
    return real().get(plan, PLAN_JSON, CHAR, count, &count, text.data()) ? "" : text;
}

API size_t cudnnGetVersion() { return in<size_t (*)()>(real(), "cudnnGetVersion")(); }
API size_t cudnnGetCudartVersion() { return in<size_t (*)()>(real(), "cudnnGetCudartVersion")(); }
API const char* cudnnGetErrorString(int code) { return in<const char* (*)(int)>(real(), "cudnnGetErrorString")(code); }
API void cudnnGetLastErrorString(char* out, size_t room) { in<void (*)(char*, size_t)>(real(), "cudnnGetLastErrorString")(out, room); }
API int cudnnCreate(void** handle) { return in<int (*)(void**)>(soft(), "cudnnCreate")(handle); }
API int cudnnDestroy(void* handle) { return in<int (*)(void*)>(soft(), "cudnnDestroy")(handle); }
API int cudnnSetStream(void* handle, void* stream) { return in<int (*)(void*, void*)>(soft(), "cudnnSetStream")(handle, stream); }

API int cudnnBackendCreateDescriptor(int type, Pair** out) {
    Pair pair{type, nullptr, nullptr, ""};
    if (int status = real().create(type, &pair.real)) return status;
    if (int status = soft().create(type, &pair.soft)) return status;
    return live.insert(*out = new Pair(pair)), 0;
}
API int cudnnBackendDestroyDescriptor(Pair* pair) {
    live.erase(alive(pair));
    int status = real().destroy(pair->real);
    soft().destroy(pair->soft);
    return delete pair, status;
}
API int cudnnBackendSetAttribute(Pair* pair, int name, int type, int64_t count, const void* values) {
    alive(pair);
    std::vector<Raw> reals, softs;
    for (int64_t i = 0; type == DESCRIPTOR && i < count; i++) {
        Pair* other = alive(((Pair* const*)values)[i]);
        reals.push_back(other->real), softs.push_back(other->soft);
    }
    const void* to_real = type == DESCRIPTOR ? reals.data() : values;
    // There is no handle without a GPU.
    if (type != HANDLE)
        if (int status = real().set(pair->real, name, type, count, to_real)) return status;
    return soft().set(pair->soft, name, type, count, type == DESCRIPTOR ? softs.data() : values);
}
API int cudnnBackendFinalize(Pair* pair) {
    alive(pair);
    Raw properties = device();
    int attribute = pair->type == HEURISTICS ? HEURISTICS_DEVICE : pair->type == PLAN ? PLAN_DEVICE : 0;
    if (attribute)
        if (int status = real().set(pair->real, attribute, DESCRIPTOR, 1, &properties)) return status;
    if (int status = real().finalize(pair->real)) return status;
    if (pair->type == PLAN) pair->plan = words(pair->real);
    return soft().finalize(pair->soft);
}
API int cudnnBackendGetAttribute(Pair* pair, int name, int type, int64_t room, int64_t* count, void* out) {
    alive(pair);
    if (type != DESCRIPTOR || !out) {
        int status = real().get(pair->real, name, type, room, count, out);
        if (status || name != PLAN_WORKSPACE || !out) return status;
        int64_t other = 0, one = 0;
        if (soft().get(pair->soft, name, type, 1, &one, &other) == 0 && other > *(int64_t*)out) *(int64_t*)out = other;
        return 0;
    }
    auto** places = (Pair**)out;
    std::vector<Raw> reals;
    for (int64_t i = 0; i < room; i++) reals.push_back(alive(places[i])->real);
    int64_t found = 0;
    if (int status = real().get(pair->real, name, type, room, &found, reals.data())) return status;
    for (int64_t i = 0; i < room && i < found; i++) {
        // The software one's first engine is exact: it stands in for each.
        Raw place = places[i]->soft;
        int64_t one = 0;
        if (int status = soft().get(pair->soft, name, type, 1, &one, &place)) return status;
    }
    if (count) *count = found;
    return 0;
}
API int cudnnBackendExecute(void* handle, Pair* plan, Pair* pack) {
    // All that the plan was made from has been destroyed by now: NVIDIA's must not need it any more.
    if (alive(plan)->plan.empty() || words(plan->real) != plan->plan)
        std::fprintf(stderr, "real cudnn: a plan does not outlive what it was made from\n"), std::abort();
    return in<int (*)(void*, Raw, Raw)>(soft(), "cudnnBackendExecute")(handle, plan->soft, alive(pack)->soft);
}
