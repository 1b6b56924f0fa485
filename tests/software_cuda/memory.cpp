// libcuda: device and pinned memory, copies and fills.
//
// Each device allocation lies between two guards. Fresh and freed memory is all ones, and the guards hold
// a pattern that is a NaN too, as f32, f64, f16 and bf16: what is read but was not written shows.
#include "software_cuda.h"
#include <cstdlib>
#include <cstring>
#include <map>

namespace soft {

constexpr size_t GUARD = 256, ALIGNMENT = 256, GRAIN = 512;
constexpr uint16_t PATTERN = 0xffa5;

struct Block {
    size_t bytes;
    Device* device;
    char* base;  // where the guard in front begins; null for pinned memory
};
static std::map<Address, Block> device_memory, pinned;

static size_t rounded(size_t bytes) { return (bytes + GRAIN - 1) / GRAIN * GRAIN; }
static void fill_guard(char* at) {
    for (size_t i = 0; i < GUARD; i += 2) std::memcpy(at + i, &PATTERN, 2);
}
static bool whole_guard(const char* at) {
    static char pattern[GUARD];
    static bool ready = (fill_guard(pattern), true);
    return ready && std::memcmp(at, pattern, GUARD) == 0;
}
static void check(Address at, const Block& block, const char* after) {
    bool before = whole_guard((char*)at - GUARD), behind = whole_guard((char*)at + block.bytes);
    if (before && behind) return;
    die("%s wrote %s an allocation of %zu bytes at %llx", after, before ? "past the end of" : "before the start of",
        block.bytes, at);
}
void check_guards(const char* after) {
    for (auto& [at, block] : device_memory) check(at, block, after);
}

static std::pair<const Address, Block>* holder(std::map<Address, Block>& memory, Address at, size_t bytes) {
    auto next = memory.upper_bound(at);
    if (next == memory.begin()) return nullptr;
    auto& found = *std::prev(next);
    return at + bytes <= found.first + found.second.bytes ? &found : nullptr;
}
bool live_device(Address at, size_t bytes, Device* device) {
    auto* found = holder(device_memory, at, bytes);
    return found && (!device || found->second.device == device);
}
bool live_host(Address at, size_t bytes) { return holder(pinned, at, bytes) != nullptr; }

static Status allocate(Address* out, size_t bytes) {
    Device* device = current();
    if (bytes == 0) return INVALID_VALUE;
    if (device->used > device->memory || rounded(bytes) > device->memory - device->used) return OUT_OF_MEMORY;
    size_t total = (GUARD + bytes + GUARD + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char* base = (char*)std::aligned_alloc(ALIGNMENT, total);
    if (!base) return OUT_OF_MEMORY;
    std::memset(base + GUARD, 0xff, bytes);
    fill_guard(base);
    fill_guard(base + GUARD + bytes);
    *out = (Address)(base + GUARD);
    device_memory[*out] = {bytes, device, base};
    return device->used += rounded(bytes), SUCCESS;
}
static Status release(Address at) {
    auto found = device_memory.find(at);
    if (found == device_memory.end()) return INVALID_VALUE;
    Block block = found->second;
    check(at, block, "something");
    std::memset((char*)at, 0xff, block.bytes);
    block.device->used -= rounded(block.bytes);
    device_memory.erase(found);
    return std::free(block.base), SUCCESS;
}

// Whether a copy may touch these bytes of the device.
static bool covers(Address at, size_t bytes) { return bytes == 0 || live_device(at, bytes); }
static Status not_device(const void* host, const char* call) {
    if (live_device((Address)host, 1)) die("%s: the host's pointer %p is the device's", call, host);
    return SUCCESS;
}
static Status copy(Stream* stream, Address to, Address from, size_t bytes) {
    return enqueue(stream, "copy", [=] {
        std::memmove((void*)to, (void*)from, bytes);
    });
}
// A fill of `count` elements of `width` bytes each.
static Status fill(Stream* stream, Address to, uint64_t value, size_t width, size_t count) {
    if (!covers(to, width * count) || to % width) return INVALID_VALUE;
    return enqueue(stream, "fill", [=] {
        for (size_t i = 0; i < count; i++) std::memcpy((char*)to + i * width, &value, width);
    });
}

}  // namespace soft
using namespace soft;

API int cuMemGetInfo_v2(size_t* free, size_t* total) {
    ENTRY(true);
    size_t used = current()->used;
    return *total = current()->memory, *free = used < *total ? *total - used : 0, SUCCESS;
}
API int cuMemAlloc_v2(Address* out, size_t bytes) {
    ENTRY(true);
    TRY(unsafe_call());
    return allocate(out, bytes);
}
API int cuMemFree_v2(Address at) {
    ENTRY(true);
    TRY(unsafe_call());
    drain();
    return at ? release(at) : SUCCESS;
}
API int cuMemAllocAsync(Address* out, size_t bytes, Stream* stream) {
    ENTRY(true);
    TRY(valid(stream));
    if (capturing(stream)) return stream->capture = Stream::Invalidated, CAPTURE_UNSUPPORTED;
    return allocate(out, bytes);
}
API int cuMemFreeAsync(Address at, Stream* stream) {
    ENTRY(true);
    if (capturing(stream)) return stream->capture = Stream::Invalidated, CAPTURE_UNSUPPORTED;
    if (!live_device(at, 1)) return INVALID_VALUE;
    return enqueue(stream, "free", [at] { release(at); });
}

API int cuMemHostAlloc(void** out, size_t bytes, unsigned) {
    ENTRY(true);
    TRY(unsafe_call());
    if (bytes == 0) return INVALID_VALUE;
    *out = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!*out) return OUT_OF_MEMORY;
    std::memset(*out, 0xff, bytes);
    return pinned[(Address)*out] = {bytes, nullptr, (char*)*out}, SUCCESS;
}
API int cuMemAllocHost_v2(void** out, size_t bytes) { return cuMemHostAlloc(out, bytes, 0); }
API int cuMemFreeHost(void* at) {
    ENTRY(true);
    TRY(unsafe_call());
    drain();
    auto found = pinned.find((Address)at);
    if (found == pinned.end() || !found->second.base) return INVALID_VALUE;
    return pinned.erase(found), std::free(at), SUCCESS;
}
API int cuMemHostRegister_v2(void* at, size_t bytes, unsigned) {
    ENTRY(true);
    if (live_host((Address)at, 1)) return 712;  // CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED
    return pinned[(Address)at] = {bytes, nullptr, nullptr}, SUCCESS;
}
API int cuMemHostUnregister(void* at) {
    ENTRY(true);
    drain();
    auto found = pinned.find((Address)at);
    if (found == pinned.end() || found->second.base) return 713;  // CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED
    return pinned.erase(found), SUCCESS;
}
API int cuMemHostGetDevicePointer_v2(Address* out, void* at, unsigned) {
    ENTRY(true);
    if (!live_host((Address)at, 1)) return INVALID_VALUE;
    return *out = (Address)at, SUCCESS;
}

API int cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t bytes, Stream* stream) {
    ENTRY(true);
    TRY(not_device(from, "cuMemcpyHtoDAsync"));
    if (!covers(to, bytes)) return INVALID_VALUE;
    if (!lazy() || capturing(stream) || live_host((Address)from, bytes)) return copy(stream, to, (Address)from, bytes);
    // pageable memory is staged before the call returns, so the caller may reuse it
    auto staged = std::make_shared<std::vector<char>>((const char*)from, (const char*)from + bytes);
    return enqueue(stream, "copy", [=] { std::memcpy((void*)to, staged->data(), staged->size()); });
}
API int cuMemcpyDtoHAsync_v2(void* to, Address from, size_t bytes, Stream* stream) {
    ENTRY(true);
    TRY(not_device(to, "cuMemcpyDtoHAsync"));
    if (!covers(from, bytes)) return INVALID_VALUE;
    TRY(copy(stream, (Address)to, from, bytes));
    if (!capturing(stream) && !live_host((Address)to, bytes)) drain();  // pageable: returns when done
    return SUCCESS;
}
API int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream* stream) {
    ENTRY(true);
    if (!covers(to, bytes) || !covers(from, bytes)) return INVALID_VALUE;
    return copy(stream, to, from, bytes);
}
// Synchronous copies go through the legacy default stream: they wait for blocking streams only.
static int copy_now(Address to, Address from, size_t bytes) {
    drain_blocking();
    return std::memmove((void*)to, (void*)from, bytes), SUCCESS;
}
API int cuMemcpyHtoD_v2(Address to, const void* from, size_t bytes) {
    ENTRY(true);
    TRY(legacy());
    TRY(not_device(from, "cuMemcpyHtoD"));
    return covers(to, bytes) ? copy_now(to, (Address)from, bytes) : INVALID_VALUE;
}
API int cuMemcpyDtoH_v2(void* to, Address from, size_t bytes) {
    ENTRY(true);
    TRY(legacy());
    TRY(not_device(to, "cuMemcpyDtoH"));
    return covers(from, bytes) ? copy_now((Address)to, from, bytes) : INVALID_VALUE;
}
API int cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) {
    ENTRY(true);
    TRY(legacy());
    return cuMemcpyDtoDAsync_v2(to, from, bytes, nullptr);
}

API int cuMemsetD8Async(Address to, unsigned char value, size_t count, Stream* stream) {
    ENTRY(true);
    return fill(stream, to, value, 1, count);
}
API int cuMemsetD32Async(Address to, unsigned value, size_t count, Stream* stream) {
    ENTRY(true);
    return fill(stream, to, value, 4, count);
}
API int cuMemsetD8_v2(Address to, unsigned char value, size_t count) {
    ENTRY(true);
    TRY(legacy());
    return fill(nullptr, to, value, 1, count);
}
API int cuMemsetD32_v2(Address to, unsigned value, size_t count) {
    ENTRY(true);
    TRY(legacy());
    return fill(nullptr, to, value, 4, count);
}
