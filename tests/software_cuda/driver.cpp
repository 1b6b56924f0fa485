// A CUDA driver and run-time compiler that run on the CPU, one thread after the other: slow and exact, for tests without a GPU.
//
// "Machine code" is the kernels' own source, which g++ compiles when it is loaded. The threads of a block are fibers, switched at
// barriers. Everything happens at once, except while a stream records a graph. What is emulated is what umlaut calls, no more.
//
// SOFTWARE_CUDA_MEMORY    bytes of a device, default 1 GiB
// SOFTWARE_CUDA_DEVICES   number of devices, default 1

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#ifndef __x86_64__
#error "fibers are written for x86-64"
#endif

#define API extern "C" __attribute__((visibility("default")))
typedef int Result;
enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, INVALID_IMAGE = 200, NOT_FOUND = 500, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901 };

static size_t number(const char* name, size_t otherwise) {
  const char* text = getenv(name);
  return text && *text ? strtoull(text, nullptr, 10) : otherwise;
}

// ---- recording ----

typedef std::vector<std::function<void()>> Graph;
static Graph* recording = nullptr;
static bool spoilt = false;

static Result work(std::function<void()> what) {
  if (recording) recording->push_back(what);
  else what();
  return SUCCESS;
}

// What real drivers refuse while a stream records.
static Result waits() {
  if (!recording) return SUCCESS;
  spoilt = true;
  return CAPTURE_UNSUPPORTED;
}

// Lets the library of convolutions record too.
API void software_cuda_work(void (*call)(void*), void* with) { work([=] { call(with); }); }
API int software_cuda_recording() { return recording != nullptr; }

// ---- devices, memory, streams ----

static std::map<uint64_t, size_t> blocks;
static size_t used = 0;

API Result cuInit(unsigned) { return SUCCESS; }
API Result cuDriverGetVersion(int* version) { *version = 13000; return SUCCESS; }
API Result cuGetErrorName(Result error, const char** name) { *name = error == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR"; return SUCCESS; }
API Result cuGetErrorString(Result error, const char** text) { *text = error == OUT_OF_MEMORY ? "out of memory" : "an error of the software device"; return SUCCESS; }
API Result cuDeviceGetCount(int* count) {
  const char* visible = getenv("CUDA_VISIBLE_DEVICES");
  *count = number("SOFTWARE_CUDA_DEVICES", 1);
  if (visible) {
    int named = 0;
    std::stringstream list(visible);
    for (std::string one; std::getline(list, one, ',');) named += !one.empty();
    if (named < *count) *count = named;
  }
  return SUCCESS;
}
API Result cuDeviceGet(int* device, int ordinal) {
  int count;
  cuDeviceGetCount(&count);
  *device = ordinal;
  return ordinal >= 0 && ordinal < count ? SUCCESS : INVALID_DEVICE;
}
API Result cuDeviceGetName(char* name, int length, int) { snprintf(name, length, "Software CUDA"); return SUCCESS; }
API Result cuDeviceGetAttribute(int* value, int which, int) { *value = which == 75 ? 9 : which == 76 ? 0 : which == 16 ? 1 : 0; return SUCCESS; }
API Result cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = number("SOFTWARE_CUDA_MEMORY", 1 << 30); return SUCCESS; }
API Result cuDevicePrimaryCtxRetain(void** context, int) { *context = (void*)1; return SUCCESS; }
API Result cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
API Result cuCtxSetCurrent(void*) { return SUCCESS; }
API Result cuCtxGetCurrent(void** context) { *context = (void*)1; return SUCCESS; }
API Result cuStreamCreate(void** stream, unsigned) { *stream = (void*)2; return SUCCESS; }
API Result cuStreamDestroy_v2(void*) { return SUCCESS; }
API Result cuStreamSynchronize(void*) { return waits(); }

API Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  cuDeviceTotalMem_v2(total, 0);
  *free = *total - used;
  return SUCCESS;
}
// Fresh memory is full of NaN, so that reading what nobody wrote shows.
API Result cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  size_t total;
  cuDeviceTotalMem_v2(&total, 0);
  void* made = nullptr;
  if (!bytes) return INVALID_VALUE;
  if (used + bytes > total || posix_memalign(&made, 512, bytes)) return OUT_OF_MEMORY;
  memset(made, 0xff, bytes);
  *address = (uint64_t)made;
  blocks[*address] = bytes;
  used += bytes;
  return SUCCESS;
}
API Result cuMemFree_v2(uint64_t address) {
  auto found = blocks.find(address);
  if (found == blocks.end()) return INVALID_VALUE;
  used -= found->second;
  blocks.erase(found);
  free((void*)address);
  return SUCCESS;
}
static bool inside(uint64_t address, size_t bytes) {
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin()) return false;
  auto block = std::prev(after);
  return address + bytes <= block->first + block->second;
}
static Result copy(uint64_t to, uint64_t from, size_t bytes) { return work([=] { memmove((void*)to, (void*)from, bytes); }); }
API Result cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void*) {
  if (!inside(to, bytes)) return INVALID_VALUE;
  if (Result refused = waits()) return refused;  // of memory that the driver does not know
  return copy(to, (uint64_t)from, bytes);
}
API Result cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void*) {
  if (!inside(from, bytes)) return INVALID_VALUE;
  if (Result refused = waits()) return refused;
  return copy((uint64_t)to, from, bytes);
}
API Result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void*) { return inside(to, bytes) && inside(from, bytes) ? copy(to, from, bytes) : INVALID_VALUE; }
API Result cuMemsetD8Async(uint64_t at, unsigned char value, size_t bytes, void*) {
  return inside(at, bytes) ? work([=] { memset((void*)at, value, bytes); }) : INVALID_VALUE;
}

API Result cuMemHostAlloc(void** to, size_t bytes, unsigned) { return (*to = malloc(bytes)) ? SUCCESS : OUT_OF_MEMORY; }
API Result cuMemFreeHost(void* memory) { free(memory); return SUCCESS; }
API Result cuEventCreate(void** event, unsigned) { *event = (void*)3; return SUCCESS; }
API Result cuEventRecord(void*, void*) { return SUCCESS; }
API Result cuEventSynchronize(void*) { return waits(); }
API Result cuEventDestroy_v2(void*) { return SUCCESS; }

// ---- graphs ----

API Result cuStreamBeginCapture_v2(void*, int) { recording = new Graph; spoilt = false; return SUCCESS; }
API Result cuStreamEndCapture(void*, void** graph) {
  *graph = recording;
  recording = nullptr;
  return spoilt ? CAPTURE_INVALIDATED : SUCCESS;
}
API Result cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) { *executable = new Graph(*(Graph*)graph); return SUCCESS; }
API Result cuGraphDestroy(void* graph) { delete (Graph*)graph; return SUCCESS; }
API Result cuGraphExecDestroy(void* graph) { delete (Graph*)graph; return SUCCESS; }
API Result cuGraphLaunch(void* graph, void*) {
  for (auto& step : *(Graph*)graph) step();
  return SUCCESS;
}

// ---- fibers ----

extern "C" void switch_stack(void** saved, void* other);
asm(R"(
.text
switch_stack:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  ret
)");

struct Dim { unsigned x, y, z; };
struct State { Dim thread, block, threads, blocks; void (*barrier)(); };

static const size_t STACK = 1 << 16;
static void* home;
static std::vector<void*> stacks;
static unsigned now;
static std::vector<char> done;
static State* state;
static void (*call)(void**);
static void** arguments;

static void barrier() { switch_stack(&stacks[now], home); }
static void fiber() {
  call(arguments);
  done[now] = 1;
  for (;;) barrier();
}

static void run_block(unsigned threads, const char* name) {
  static std::vector<char*> memory;
  while (memory.size() < threads) memory.push_back((char*)aligned_alloc(64, STACK));
  stacks.assign(threads, nullptr);
  done.assign(threads, 0);
  for (unsigned t = 0; t < threads; t++) {
    void** top = (void**)(memory[t] + STACK) - 2;
    *top = (void*)fiber;
    stacks[t] = top - 6;
  }
  for (unsigned left = threads; left;) {
    unsigned waiting = 0;
    for (unsigned t = 0; t < threads; t++) {
      if (done[t]) continue;
      now = t;
      state->thread = {t, 0, 0};
      switch_stack(&home, stacks[t]);
      waiting += !done[t];
    }
    if (waiting && waiting != left) {
      fprintf(stderr, "software CUDA: %s: some threads of a block wait at a barrier that others never reach\n", name);
      abort();
    }
    left = waiting;
  }
}

// ---- modules and kernels ----

static const char* PRELUDE = R"(
#include <cmath>
#include <cstring>
#include <utility>
#define __global__
#define __device__
#define __launch_bounds__(n)
#define __shared__ static
#define __align__(n) alignas(n)
using std::exp; using std::log1p; using std::fabs; using std::sqrt;
struct Dim { unsigned x, y, z; };
struct State { Dim thread, block, threads, blocks; void (*barrier)(); };
extern "C" { State software_cuda_state; }
#define threadIdx software_cuda_state.thread
#define blockIdx software_cuda_state.block
#define blockDim software_cuda_state.threads
#define gridDim software_cuda_state.blocks
static inline void __syncthreads() { software_cuda_state.barrier(); }
static inline float __uint_as_float(unsigned v) { float f; memcpy(&f, &v, 4); return f; }
static inline unsigned __float_as_uint(float f) { unsigned v; memcpy(&v, &f, 4); return v; }
template <class... P, size_t... I> void software_cuda_apply(void (*f)(P...), void** a, std::index_sequence<I...>) { f(*(P*)a[I]...); }
template <class... P> void software_cuda_apply(void (*f)(P...), void** a) { software_cuda_apply(f, a, std::index_sequence_for<P...>{}); }
)";

struct Function { std::string name; void (*call)(void**); State* state; std::vector<size_t> sizes; };
struct Module { void* library; };

API Result cuModuleLoadData(void** module, const void* image) {
  std::string source((const char*)image), names;
  std::regex kernel(R"(extern "C" __global__ void\s+(?:__launch_bounds__\(\w+\)\s+)?(\w+)\()");
  for (std::sregex_iterator at(source.begin(), source.end(), kernel), end; at != end; ++at) {
    std::string name = (*at)[1];
    names += "extern \"C\" void call_" + name + "(void** a) { software_cuda_apply(&" + name + ", a); }\n";
    // How many bytes each parameter has, so that a recorded launch can keep them.
    names += "template <class... P> void sizes_of_" + name + "(void (*)(P...), size_t* n) { size_t all[] = {sizeof(P)...}; for (size_t s : all) *n++ = s; *n = 0; }\n";
    names += "extern \"C\" void sizes_" + name + "(size_t* n) { sizes_of_" + name + "(&" + name + ", n); }\n";
  }
  char dir[] = "/tmp/software-cuda-XXXXXX";
  if (!mkdtemp(dir)) return INVALID_IMAGE;
  std::string base(dir), cpp = base + "/kernels.cpp", so = base + "/kernels.so";
  std::ofstream(cpp) << PRELUDE << source << "\n" << names;
  std::string command = "${CXX:-c++} -std=c++17 -O2 -w -shared -fPIC -ffp-contract=off -fno-strict-aliasing -o " + so + " " + cpp;
  bool compiled = system(command.c_str()) == 0;
  void* library = compiled ? dlopen(so.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (compiled && !library) fprintf(stderr, "software CUDA: %s\n", dlerror());
  unlink(cpp.c_str()); unlink(so.c_str()); rmdir(dir);
  if (!library) return INVALID_IMAGE;
  ((State*)dlsym(library, "software_cuda_state"))->barrier = barrier;
  *module = new Module{library};
  return SUCCESS;
}
API Result cuModuleUnload(void* module) { delete (Module*)module; return SUCCESS; }
API Result cuModuleGetFunction(void** function, void* module, const char* name) {
  void* library = ((Module*)module)->library;
  auto call = (void (*)(void**))dlsym(library, ("call_" + std::string(name)).c_str());
  if (!call) return NOT_FOUND;
  size_t sizes[64];
  ((void (*)(size_t*))dlsym(library, ("sizes_" + std::string(name)).c_str()))(sizes);
  auto made = new Function{name, call, (State*)dlsym(library, "software_cuda_state"), {}};
  for (size_t* size = sizes; *size; size++) made->sizes.push_back(*size);
  *function = made;
  return SUCCESS;
}

static void launch(Function* function, Dim grid, unsigned threads, std::vector<std::vector<char>> values) {
  std::vector<void*> pointers;
  for (auto& value : values) pointers.push_back(value.data());
  call = function->call;
  arguments = pointers.data();
  state = function->state;
  state->threads = {threads, 1, 1};
  state->blocks = grid;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        state->block = {x, y, z};
        run_block(threads, function->name.c_str());
      }
}

API Result cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned, void*, void** given, void**) {
  if (!gx || !gy || !gz || by != 1 || bz != 1 || bx > 1024 || gy > 65535 || gz > 65535) return INVALID_VALUE;
  auto kernel = (Function*)function;
  std::vector<std::vector<char>> values;
  for (size_t i = 0; i < kernel->sizes.size(); i++) {
    values.emplace_back((char*)given[i], (char*)given[i] + kernel->sizes[i]);
    // An address, or a number that cannot be one.
    uint64_t address = 0;
    if (kernel->sizes[i] == 8) memcpy(&address, given[i], 8);
    if (address >> 32 && !inside(address, 1)) return INVALID_VALUE;
  }
  return work([=] { launch(kernel, {gx, gy, gz}, bx, values); });
}

// ---- the run-time compiler: code is source ----

struct Program { std::string source; };
API int nvrtcVersion(int* major, int* minor) { *major = 13; *minor = 0; return 0; }
API const char* nvrtcGetErrorString(int) { return "an error of the software compiler"; }
API int nvrtcCreateProgram(void** program, const char* source, const char*, int, const char* const*, const char* const*) { *program = new Program{source}; return 0; }
API int nvrtcCompileProgram(void*, int, const char* const*) { return 0; }
API int nvrtcDestroyProgram(void** program) { delete (Program*)*program; return 0; }
API int nvrtcGetProgramLogSize(void*, size_t* size) { *size = 1; return 0; }
API int nvrtcGetProgramLog(void*, char* log) { *log = 0; return 0; }
API int nvrtcGetCUBINSize(void* program, size_t* size) { *size = ((Program*)program)->source.size(); return 0; }
API int nvrtcGetCUBIN(void* program, char* code) { auto& source = ((Program*)program)->source; memcpy(code, source.data(), source.size()); return 0; }
