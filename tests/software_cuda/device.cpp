// libcuda: start, errors, devices and contexts.
#include "software_cuda.h"
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace soft {

static bool started = false;
static std::vector<std::unique_ptr<Device>> devices;
static thread_local Device* bound = nullptr;

std::recursive_mutex& lock() {
    static auto* mutex = new std::recursive_mutex;  // never destroyed: threads may outlive main
    return *mutex;
}
Device* current() { return bound; }
Status ready(bool context) {
    if (!started) return NOT_INITIALIZED;
    return context && !bound ? INVALID_CONTEXT : SUCCESS;
}
void die(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::fputs("software cuda: ", stderr);
    std::vfprintf(stderr, format, arguments);
    std::fputs("\n", stderr);
    std::abort();
}
const char* setting(const char* name, const char* otherwise) {
    const char* value = std::getenv(name);
    return value ? value : otherwise;
}
size_t number(const char* name, size_t otherwise) {
    const char* text = std::getenv(name);
    if (!text) return otherwise;
    char* end = nullptr;
    size_t value = std::strtoull(text, &end, 10);
    if (end == text || *end) die("%s=%s is not a number", name, text);
    return value;
}
bool fails(const char* what) {
    std::string list = std::string(",") + setting("SOFTWARE_CUDA_FAIL", "") + ",";
    return list.find(std::string(",") + what + ",") != std::string::npos;
}
void may_hang(const char* entry) {
    while (!std::strcmp(setting("SOFTWARE_CUDA_HANG", ""), entry)) pause();
}

// "SOFTWARECUDA" and the device's number, big-endian.
static void uuid_of(int physical, unsigned char bytes[16]) {
    std::memcpy(bytes, "SOFTWARECUDA", 12);
    for (int i = 0; i < 4; i++) bytes[12 + i] = (unsigned char)(physical >> (24 - 8 * i));
}
static std::string uuid_text(int physical) {
    unsigned char bytes[16];
    uuid_of(physical, bytes);
    std::string text = "GPU-";
    for (int i = 0; i < 16; i++) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", bytes[i]);
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += two;
    }
    return text;
}

// CUDA_VISIBLE_DEVICES: numbers or starts of UUIDs; the list ends at the first that names no device, and
// a device named twice leaves none at all.
static std::vector<int> visible(int count) {
    std::vector<int> all, chosen;
    for (int i = 0; i < count; i++) all.push_back(i);
    const char* list = std::getenv("CUDA_VISIBLE_DEVICES");
    if (!list) return all;
    std::string rest = list;
    while (!rest.empty()) {
        size_t comma = rest.find(',');
        std::string entry = rest.substr(0, comma);
        rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
        entry.erase(std::remove(entry.begin(), entry.end(), ' '), entry.end());
        auto named = std::find_if(all.begin(), all.end(), [&](int i) {
            bool by_uuid = entry.rfind("GPU-", 0) == 0 && entry.size() > 4;
            return by_uuid ? uuid_text(i).rfind(entry, 0) == 0 : entry == std::to_string(i);
        });
        if (named == all.end()) break;
        if (std::find(chosen.begin(), chosen.end(), *named) != chosen.end()) return {};
        chosen.push_back(*named);
    }
    return chosen;
}

static Device* device(int ordinal) {
    return ordinal >= 0 && (size_t)ordinal < devices.size() ? devices[ordinal].get() : nullptr;
}

static const struct { int code; const char *name, *text; } errors[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not initiated in this stream"},
    {CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "operation would make the legacy stream depend on a capturing blocking stream"},
    {CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capturing stream"},
};
static Status error_text(int code, const char** out, bool name) {
    for (auto& error : errors)
        if (error.code == code) return *out = name ? error.name : error.text, SUCCESS;
    return *out = nullptr, INVALID_VALUE;
}

// What an H200 says, except for the clock and the bus, which nothing may depend on.
static int attribute(int which) {
    switch (which) {
    case 1: case 2: case 3: return 1024;             // threads of a block, of its x, of its y
    case 4: return 64;                               // of its z
    case 5: return 0x7fffffff;                       // blocks in x
    case 6: case 7: return 65535;                    // in y, in z
    case 8: return 48 * 1024;                        // shared memory of a block, bytes
    case 9: return 64 * 1024;                        // constant memory, bytes
    case 10: return 32;                              // warp size
    case 12: case 82: return 65536;                  // registers of a block, of a multiprocessor
    case 16: return 132;                             // multiprocessors
    case 31: case 41: return 1;                      // concurrent kernels, unified addressing
    case 38: return 50 << 20;                        // L2 cache, bytes
    case 39: return 2048;                            // threads of a multiprocessor
    case 75: return 9;                               // compute capability 9.0
    case 81: return 233472;                          // shared memory of a multiprocessor, bytes
    case 97: return 232448;                          // shared memory a block can opt into, bytes
    default: return 0;
    }
}

}  // namespace soft
using namespace soft;

API int cuInit(unsigned flags) {
    may_hang("cuInit");
    std::lock_guard<std::recursive_mutex> locked(lock());
    if (flags) return INVALID_VALUE;
    if (!started) {
        for (int i : visible((int)number("SOFTWARE_CUDA_DEVICES", 1))) {
            devices.push_back(std::make_unique<Device>());
            devices.back()->physical = i;
            devices.back()->memory = number("SOFTWARE_CUDA_MEMORY", size_t(2) << 30);
        }
        started = true;
    }
    return devices.empty() ? NO_DEVICE : SUCCESS;
}
API int cuDriverGetVersion(int* version) { return *version = 13000, SUCCESS; }
API int cuGetErrorName(int code, const char** out) { return error_text(code, out, true); }
API int cuGetErrorString(int code, const char** out) { return error_text(code, out, false); }

API int cuDeviceGetCount(int* count) {
    ENTRY(false);
    return *count = (int)devices.size(), SUCCESS;
}
API int cuDeviceGet(int* out, int ordinal) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    return *out = ordinal, SUCCESS;
}
API int cuDeviceGetName(char* name, int bytes, int ordinal) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    return std::snprintf(name, (size_t)bytes, "Software CUDA"), SUCCESS;
}
API int cuDeviceGetUuid_v2(void* uuid, int ordinal) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    return uuid_of(device(ordinal)->physical, (unsigned char*)uuid), SUCCESS;
}
API int cuDeviceGetUuid(void* uuid, int ordinal) { return cuDeviceGetUuid_v2(uuid, ordinal); }
API int cuDeviceGetAttribute(int* value, int which, int ordinal) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    if (which < 1 || which > 160) return INVALID_VALUE;
    return *value = attribute(which), SUCCESS;
}
API int cuDeviceTotalMem_v2(size_t* bytes, int ordinal) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    return *bytes = device(ordinal)->memory, SUCCESS;
}

API int cuDevicePrimaryCtxRetain(Device** context, int ordinal) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    device(ordinal)->retained++;
    return *context = device(ordinal), SUCCESS;
}
API int cuDevicePrimaryCtxRelease_v2(int ordinal) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    return device(ordinal)->retained-- > 0 ? SUCCESS : INVALID_CONTEXT;
}
API int cuDevicePrimaryCtxSetFlags_v2(int ordinal, unsigned flags) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    return device(ordinal)->flags = flags, SUCCESS;
}
API int cuDevicePrimaryCtxGetState(int ordinal, unsigned* flags, int* active) {
    ENTRY(false);
    if (!device(ordinal)) return INVALID_DEVICE;
    return *flags = device(ordinal)->flags, *active = device(ordinal)->retained > 0, SUCCESS;
}
API int cuCtxSetCurrent(Device* context) {
    ENTRY(false);
    bool known = !context;
    for (auto& d : devices) known |= d.get() == context && context->retained > 0;
    if (!known) return INVALID_CONTEXT;
    return bound = context, SUCCESS;
}
API int cuCtxGetCurrent(Device** context) {
    ENTRY(false);
    return *context = bound, SUCCESS;
}
API int cuCtxGetDevice(int* ordinal) {
    ENTRY(true);
    for (size_t i = 0; i < devices.size(); i++)
        if (devices[i].get() == bound) *ordinal = (int)i;
    return SUCCESS;
}
API int cuCtxSetFlags(unsigned flags) {
    ENTRY(true);
    return bound->flags = flags, SUCCESS;
}
API int cuCtxGetFlags(unsigned* flags) {
    ENTRY(true);
    return *flags = bound->flags, SUCCESS;
}
API int cuCtxSynchronize() {
    ENTRY(true);
    return synchronizing();
}
