// What the parts of the software CUDA share: status codes, devices, streams, and the door to run work.
//
// One lock guards every entry of the driver, and work runs on the calling thread, so nothing below is
// atomic. `libcudnn` links against `libcuda` and uses this header too.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

namespace soft {

// The values of CUresult that are returned here.
enum Status : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_PTX = 218,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    NOT_SUPPORTED = 801,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_UNMATCHED = 903,
    CAPTURE_IMPLICIT = 906,
    CAPTURED_EVENT = 907,
};

using Address = unsigned long long;
using Work = std::function<void()>;

// A device; its address is the handle of its primary context.
struct Device {
    int physical;        // its number before CUDA_VISIBLE_DEVICES
    unsigned flags = 0;  // of the primary context
    int retained = 0;
    size_t memory = 0;   // bytes it has
    size_t used = 0;     // bytes allocated
};

// One operation of a graph, or one that waits for its turn.
struct Node {
    std::string what;  // a kernel's name, "copy", …: for messages
    std::shared_ptr<Work> work;
};
struct Graph {
    std::vector<Node> nodes;
};

struct Stream {
    Device* device;
    bool blocking;  // orders itself with the legacy default stream
    enum { Idle, Capturing, Invalidated } capture = Idle;
    int mode = 0;  // of the capture: 0 global, 1 of the thread, 2 relaxed
    std::thread::id captured_by;
    Graph recorded;
    Stream(Device* device, bool blocking) : device(device), blocking(blocking) {}
};

// The set of handles of one kind that are alive, so that a stale one is refused, not followed.
template <class T> struct Handles {
    std::set<T*> live;
    T* add(T* handle) { live.insert(handle); return handle; }
    bool has(T* handle) const { return live.count(handle) != 0; }
    bool remove(T* handle) {
        if (live.erase(handle) == 0) return false;
        delete handle;
        return true;
    }
};

// What follows is defined in libcuda; libcudnn calls some of it.
#pragma GCC visibility push(default)

// device.cpp
std::recursive_mutex& lock();
Device* current();                 // the calling thread's device, or null
Status ready(bool context = true); // NOT_INITIALIZED, INVALID_CONTEXT or SUCCESS
[[noreturn]] void die(const char* format, ...) __attribute__((format(printf, 1, 2)));
const char* setting(const char* name, const char* otherwise);
size_t number(const char* name, size_t otherwise);
bool fails(const char* what);      // whether SOFTWARE_CUDA_FAIL names it
void may_hang(const char* entry);  // for good, if SOFTWARE_CUDA_HANG names this entry

// streams.cpp
Status enqueue(Stream*, std::string what, Work);  // run now, later (lazy), or record into the capture
bool lazy();
bool capturing(Stream*);
void drain();                          // run all that waits
void drain_blocking();                 // run what the legacy default stream waits for
Status synchronizing();                // refuses, and invalidates captures, where CUDA would
Status legacy();                       // the same for what goes through the legacy default stream
Status unsafe_call();                  // the same for calls that a strict capture forbids
Status valid(Stream*);

// memory.cpp
bool live_device(Address, size_t bytes, Device* = nullptr);
bool live_host(Address, size_t bytes);
void check_guards(const char* after);

// module.cpp: what a compiled module tells of its kernels; the prelude has the same structs
struct Three { unsigned x, y, z; };
struct State {
    Three thread, block, threads, blocks;  // threadIdx, blockIdx, blockDim, gridDim
    bool (*next)();                        // makes the next thread of the block current
    void (*barrier)(int line);
};
struct Kernel {
    const char* name;
    void (*run)(void** arguments);  // runs threads until `next` says there are none
    int count;
    const unsigned* sizes;          // of the arguments, in bytes
    const bool* pointers;           // which arguments are pointers
    unsigned most_threads;          // by __launch_bounds__, else 1024
};
struct Function {
    Kernel kernel;
    State* state;
    char *shared, *shared_end;  // all __shared__ variables of the module
};

// launch.cpp
void run_kernel(const Function&, Three blocks, Three threads, void** arguments);

#pragma GCC visibility pop

#define ENTRY(context)                                           \
    std::lock_guard<std::recursive_mutex> locked(soft::lock());  \
    if (soft::Status s = soft::ready(context)) return s
#define TRY(expression) \
    if (soft::Status s = (expression)) return s

}  // namespace soft
