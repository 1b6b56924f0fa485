// libcuda: modules. The "PTX" of the software NVRTC is the CUDA source itself; the C++ compiler makes a
// shared library of it, which is kept under a hash of all that went into it.
#include "software_cuda.h"
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <unistd.h>

namespace soft {

static const char PRELUDE[] =
#include "prelude.inc"
    ;
// Behind the source: what libcuda asks a module for. The linker makes the two symbols around a section,
// which must not be empty for that.
static const char EPILOGUE[] = R"(
}
# 1 "wrappers"
__attribute__((section("soft_shared"), used)) static char soft_shared_some[16];
extern "C" char __start_soft_shared[], __stop_soft_shared[];
extern "C" soft::State* soft_state() { return &soft::state; }
extern "C" char* soft_shared_begin() { return __start_soft_shared; }
extern "C" char* soft_shared_end() { return __stop_soft_shared; }
#define SOFT_KERNEL(N, T) {#N, soft::Of<&N>::run, soft::Of<&N>::count, soft::Of<&N>::sizes, soft::Of<&N>::pointers, T},
extern "C" const soft::Kernel soft_kernels[] = {
)";
static const char MAGIC[] = "// software nvrtc\n";  // nvrtc.cpp puts it in front
static const char ELF[] = "\x7f" "ELF\n";            // and this, if asked to

struct Module {
    void* library;
    std::map<std::string, std::unique_ptr<Function>> functions;
    ~Module() { dlclose(library); }
};
static Handles<Module> modules;

// A folder for one compiled module, which can go as soon as that is loaded.
static std::string temporary_folder() {
    std::string made = std::string(setting("TMPDIR", "/tmp")) + "/software-cuda-XXXXXX";
    if (!mkdtemp(made.data())) die("no folder %s can be made", made.c_str());
    return made;
}

static std::string compiler() {
    return std::string(setting("CXX", "c++")) + " -std=c++17 -O2 -fPIC -ffp-contract=off -fno-math-errno -fno-exceptions -fno-strict-aliasing -w "
                                                 "-fsanitize=undefined -fsanitize-undefined-trap-on-error " +
           setting("SOFTWARE_CUDA_CXXFLAGS", "");
}
static std::string hash(const std::string& text) {  // FNV-1a, 64 bits
    uint64_t h = 0xcbf29ce484222325;
    for (unsigned char c : text) h = (h ^ c) * 0x100000001b3;
    char hex[17];
    return std::snprintf(hex, sizeof hex, "%016llx", (unsigned long long)h), hex;
}
static std::string read(const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}
static void write(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    if (!(file << text << std::flush)) die("cannot write %s", path.c_str());
}
static bool shell(const std::string& command) { return std::system(command.c_str()) == 0; }

// Skips blanks, line markers of the preprocessor, and one pair of parentheses when told.
static size_t blanks(const std::string& s, size_t at) {
    while (at < s.size() && (std::isspace((unsigned char)s[at]) || s[at] == '#'))
        at = s[at] == '#' ? s.find('\n', at) : at + 1;
    return at;
}
static size_t closing(const std::string& s, size_t open) {
    int depth = 0;
    for (size_t i = open; i < s.size(); i++)
        if (depth += (s[i] == '(') - (s[i] == ')'); depth == 0) return i;
    return s.size();
}

// Each `__global__ void name(` of preprocessed source, with the first expression of its launch bounds.
static std::vector<std::pair<std::string, std::string>> kernels(const std::string& source) {
    std::vector<std::pair<std::string, std::string>> found;
    const std::string word = "__global__";
    for (size_t at = source.find(word); at != std::string::npos; at = source.find(word, at + 1)) {
        std::string bound = "1024", name;
        size_t i = blanks(source, at + word.size());
        while (i < source.size()) {
            size_t start = i;
            while (i < source.size() && (std::isalnum((unsigned char)source[i]) || source[i] == '_')) i++;
            if (i == start) break;
            std::string token = source.substr(start, i - start);
            i = blanks(source, i);
            if (token == "__launch_bounds__") {
                size_t close = closing(source, i);
                bound = source.substr(i + 1, close - i - 1);
                bound = bound.substr(0, bound.find(','));
                i = blanks(source, close + 1);
            } else {
                name = token;
                if (source[i] == '(') break;
            }
        }
        size_t next = source.find_first_of(";{", i);  // a declaration's end, or a body
        if (next != std::string::npos && source[next] == '{' && name != "void") found.push_back({name, bound});
    }
    return found;
}

static bool compile(const std::string& source, const std::string& library) {
    std::string stem = library + "." + std::to_string(getpid());
    std::string raw = stem + ".in.cc", whole = stem + ".cc", pure = stem + ".ii", log = stem + ".log", made = stem + ".so";
    write(raw, "# 1 \"kernels.cu\"\n" + source);
    // Not __CUDACC_RTC__, behind which kernels may use PTX.
    std::string defines = " -D__CUDACC__ -D__CUDA_ARCH__=900 ", quiet = "' 2>'" + log + "'";
    bool good = shell(compiler() + defines + "-E '" + raw + "' -o '" + pure + quiet);
    if (good) {
        std::string body = read(pure);
        std::ostringstream text;
        text << PRELUDE << body << EPILOGUE;
        for (auto& [name, bound] : kernels(body))
            text << "SOFT_KERNEL(" << name << ", " << bound << ")\n";
        text << "{nullptr, nullptr, 0, nullptr, nullptr, 0}};\n";
        write(whole, text.str());
        good = shell(compiler() + " -shared -Wl,-Bsymbolic '" + whole + "' -o '" + made + "' -lm 2>'" + log + "'") &&
               std::rename(made.c_str(), library.c_str()) == 0;
    }
    if (!good) std::fprintf(stderr, "software cuda: the kernels do not compile:\n%s\n", read(log).c_str());
    for (auto& path : {raw, whole, pure, log, made}) unlink(path.c_str());
    return good;
}

static Status load(Module** out, const char* image) {
    if (std::strncmp(image, ELF, sizeof ELF - 1) == 0) image += sizeof ELF - 1;
    if (std::strncmp(image, MAGIC, sizeof MAGIC - 1) != 0) return INVALID_IMAGE;
    const char* cache = std::getenv("SOFTWARE_CUDA_CACHE");
    std::error_code ignored;  // writing there says what is wrong
    if (cache) std::filesystem::create_directories(cache, ignored);
    std::string folder = cache ? cache : temporary_folder();
    std::string library = folder + "/" + hash(compiler() + PRELUDE + EPILOGUE + image) + ".so";
    bool good = access(library.c_str(), R_OK) == 0 || compile(image, library);
    void* handle = good ? dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (!cache) unlink(library.c_str()), rmdir(folder.c_str());
    if (!good) return INVALID_PTX;
    if (!handle) die("%s", dlerror());
    auto* module = modules.add(new Module{handle, {}});
    auto* state = ((State * (*)()) dlsym(handle, "soft_state"))();
    auto* begin = ((char* (*)())dlsym(handle, "soft_shared_begin"))();
    auto* end = ((char* (*)())dlsym(handle, "soft_shared_end"))();
    for (auto* kernel = (const Kernel*)dlsym(handle, "soft_kernels"); kernel->name; kernel++)
        module->functions[kernel->name] = std::make_unique<Function>(Function{*kernel, state, begin, end});
    return *out = module, SUCCESS;
}

}  // namespace soft
using namespace soft;

API int cuModuleLoadData(Module** out, const void* image) {
    ENTRY(true);
    TRY(unsafe_call());
    return load(out, (const char*)image);
}
API int cuModuleLoadDataEx(Module** out, const void* image, unsigned, int*, void**) { return cuModuleLoadData(out, image); }
API int cuModuleUnload(Module* module) {
    ENTRY(true);
    drain();
    return modules.remove(module) ? SUCCESS : INVALID_HANDLE;
}
API int cuModuleGetFunction(Function** out, Module* module, const char* name) {
    ENTRY(true);
    if (!modules.has(module)) return INVALID_HANDLE;
    auto found = module->functions.find(name);
    if (found == module->functions.end()) return NOT_FOUND;
    return *out = found->second.get(), SUCCESS;
}
API int cuFuncGetAttribute(int* value, int which, Function* function) {
    ENTRY(true);
    switch (which) {
    case 0: return *value = (int)function->kernel.most_threads, SUCCESS;
    case 5: case 6: return *value = 90, SUCCESS;  // versions of PTX and of the machine code
    default: return *value = 0, which < 0 || which > 15 ? INVALID_VALUE : SUCCESS;
    }
}
API int cuFuncSetAttribute(Function*, int which, int) {
    ENTRY(true);
    return which < 0 || which > 15 ? INVALID_VALUE : SUCCESS;
}
API int cuFuncSetCacheConfig(Function*, int) { return SUCCESS; }
