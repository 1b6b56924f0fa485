// libcuda: launches. The blocks of a grid run one after another; the threads of a block are fibers.
//
// A fiber runs one thread after another until one reaches a barrier; only then does the next thread get a
// fiber of its own. So a kernel without barriers is a plain loop, and one with them needs no analysis.
// SOFTWARE_CUDA_ORDER=reverse runs blocks and threads backwards: results that differ betray a race.
#include "software_cuda.h"
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace soft {

struct Fiber {
    char* stack;
#ifdef __x86_64__
    void* top;  // the stack pointer while it does not run
#else
    ucontext_t context;
#endif
    unsigned thread;  // its number in the block
    int line;         // of the barrier it waits at; 0 when its threads have ended
};

constexpr size_t STACK = 64 << 10, PAGE = 4096;

static struct {
    const Function* function;
    void** arguments;
    unsigned started, total;  // threads of the block
    bool reverse;
    bool barriers;  // whether the block met any
    Fiber* running;
    std::vector<Fiber*> idle, waiting;
} now;

static void body() {
    for (;;) {
        now.function->kernel.run(now.arguments);
        now.running->line = 0;
        extern void leave();
        leave();
    }
}

#ifdef __x86_64__
static void* scheduler;  // its stack pointer while a fiber runs
extern "C" __attribute__((visibility("hidden"))) void soft_switch(void** save, void* load);
asm(R"(
    .text
    .hidden soft_switch
    .globl soft_switch
    .type soft_switch, @function
soft_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size soft_switch, .-soft_switch
)");
static void prepare(Fiber* fiber) {
    void** top = (void**)(fiber->stack + STACK);
    *--top = nullptr;  // where `body` would return to, and 16-byte alignment as after a call
    *--top = (void*)body;
    for (int i = 0; i < 6; i++) *--top = nullptr;
    fiber->top = top;
}
static void enter(Fiber* fiber) { soft_switch(&scheduler, fiber->top); }
void leave() { soft_switch(&now.running->top, scheduler); }
#else
static ucontext_t scheduler;
static void prepare(Fiber* fiber) {
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK;
    makecontext(&fiber->context, body, 0);
}
static void enter(Fiber* fiber) { swapcontext(&scheduler, &fiber->context); }
void leave() { swapcontext(&now.running->context, &scheduler); }
#endif

// A fiber with a stack of its own above a page that may not be touched.
static Fiber* fresh() {
    if (!now.idle.empty()) {
        Fiber* fiber = now.idle.back();
        return now.idle.pop_back(), fiber;
    }
    void* memory = mmap(nullptr, PAGE + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) die("no memory for another fiber's stack");
    mprotect(memory, PAGE, PROT_NONE);
    auto* fiber = new Fiber{};
    fiber->stack = (char*)memory + PAGE;
    return prepare(fiber), fiber;
}

static void show(unsigned thread) {
    const Three& size = now.function->state->threads;
    now.function->state->thread = {thread % size.x, thread / size.x % size.y, thread / size.x / size.y};
}
static bool next_thread() {
    if (now.started == now.total) return false;
    unsigned thread = now.reverse ? now.total - 1 - now.started : now.started;
    now.started++;
    now.running->thread = thread;
    return show(thread), true;
}
static void barrier(int line) {
    now.running->line = line;
    leave();
    show(now.running->thread);
}
// Whether the fiber waits at a barrier afterwards.
static bool resume(Fiber* fiber) {
    now.running = fiber;
    enter(fiber);
    return fiber->line != 0;
}

static void check_barrier() {
    const Three& b = now.function->state->block;
    const char* name = now.function->kernel.name;
    Fiber* first = now.waiting.front();
    if (now.waiting.size() != now.total)
        die("%s, block (%u, %u, %u): thread %u waits at the barrier of line %d, but %zu of %u threads have ended", name, b.x,
            b.y, b.z, first->thread, first->line, now.total - now.waiting.size(), now.total);
    for (Fiber* other : now.waiting)
        if (other->line != first->line)
            die("%s, block (%u, %u, %u): thread %u waits at the barrier of line %d, thread %u at that of line %d", name, b.x,
                b.y, b.z, first->thread, first->line, other->thread, other->line);
}
static void run_block() {
    now.started = 0;
    now.barriers = false;
    while (now.started < now.total) {
        Fiber* fiber = fresh();
        (resume(fiber) ? now.waiting : now.idle).push_back(fiber);
    }
    std::vector<Fiber*> arrived;
    while (!now.waiting.empty()) {
        now.barriers = true;
        check_barrier();
        arrived.swap(now.waiting);
        for (Fiber* fiber : arrived) (resume(fiber) ? now.waiting : now.idle).push_back(fiber);
        arrived.clear();
    }
}

// Kernels are compiled with checks that end in an illegal instruction.
static void undefined(int) {
    const Three &b = now.function->state->block, &t = now.function->state->thread;
    die("%s, block (%u, %u, %u), thread %u: undefined behaviour, as a misaligned address, an index beyond an array, or a signed number beyond "
        "its type",
        now.function->kernel.name, b.x, b.y, b.z, t.x);
}

void run_kernel(const Function& function, Three blocks, Three threads, void** arguments) {
    State& state = *function.state;
    state = {{}, {}, threads, blocks, next_thread, barrier};
    now.function = &function;
    now.arguments = arguments;
    auto before = std::signal(SIGILL, undefined);
    now.total = threads.x * threads.y * threads.z;
    now.reverse = std::strcmp(setting("SOFTWARE_CUDA_ORDER", ""), "reverse") == 0;
    now.barriers = true;
    uint64_t all = (uint64_t)blocks.x * blocks.y * blocks.z;
    for (uint64_t i = 0; i < all; i++) {
        uint64_t block = now.reverse ? all - 1 - i : i;
        state.block = {(unsigned)(block % blocks.x), (unsigned)(block / blocks.x % blocks.y),
                       (unsigned)(block / blocks.x / blocks.y)};
        // shared memory begins with garbage; it can matter only to blocks with barriers
        if (now.barriers) std::memset(function.shared, 0xff, (size_t)(function.shared_end - function.shared));
        run_block();
    }
    std::signal(SIGILL, before);
    check_guards(function.kernel.name);
}

static void check_pointers(const Kernel& kernel, void** arguments, Device* device) {
    for (int i = 0; i < kernel.count; i++) {
        if (!kernel.pointers[i]) continue;
        Address at;
        std::memcpy(&at, arguments[i], sizeof at);
        if (at && !live_device(at, 0, device) && !live_host(at, 0))
            die("%s: argument %d, %llx, points into no allocation of its device", kernel.name, i + 1, at);
    }
}

// The values of a launch's arguments, which the caller's may change before it runs.
struct Arguments {
    std::vector<std::max_align_t> bytes;
    std::vector<void*> each;
    Arguments(const Kernel& kernel, void** from) {
        size_t slots = 0;
        for (int i = 0; i < kernel.count; i++) slots += kernel.sizes[i] / sizeof(std::max_align_t) + 1;
        bytes.resize(slots);
        slots = 0;
        for (int i = 0; i < kernel.count; i++) {
            each.push_back(std::memcpy(&bytes[slots], from[i], kernel.sizes[i]));
            slots += kernel.sizes[i] / sizeof(std::max_align_t) + 1;
        }
    }
};

static bool in(unsigned value, unsigned most) { return value >= 1 && value <= most; }

}  // namespace soft
using namespace soft;

API int cuLaunchKernel(const Function* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                       unsigned dynamic_shared, Stream* stream, void** arguments, void** extra) {
    ENTRY(true);
    const Kernel& kernel = function->kernel;
    if (!in(gx, 0x7fffffff) || !in(gy, 65535) || !in(gz, 65535)) return INVALID_VALUE;
    if (!in(bx, 1024) || !in(by, 1024) || !in(bz, 64) || bx * by * bz > kernel.most_threads) return INVALID_VALUE;
    if (extra || (kernel.count && !arguments)) return INVALID_VALUE;
    if (dynamic_shared) return NOT_SUPPORTED;
    auto held = std::make_shared<Arguments>(kernel, arguments);
    return enqueue(stream, kernel.name, [=, device = current()] {
        check_pointers(function->kernel, held->each.data(), device);
        run_kernel(*function, {gx, gy, gz}, {bx, by, bz}, held->each.data());
    });
}
