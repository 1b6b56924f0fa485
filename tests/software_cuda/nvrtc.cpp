// libnvrtc: takes CUDA C++ and hands out, as "PTX", the same text, which libcuda then compiles.
//
// It checks the options, not the source: an error in a kernel shows when the module is loaded.
#include <cstdlib>
#include <cstring>
#include <string>

#define API extern "C" __attribute__((visibility("default")))

enum Result : int { SUCCESS = 0, INVALID_INPUT = 3, INVALID_PROGRAM = 4, INVALID_OPTION = 5, NOT_COMPILED = 7 };

struct Program {
    std::string source, ptx, log;
    bool compiled = false, real = false;  // real: for one architecture, sm_XX, so that there is a CUBIN
};

// Whether this is an option that NVRTC knows; -D becomes a line of the source.
static bool accept(Program& program, const std::string& option, std::string& defines) {
    auto begins = [&](const char* prefix) { return option.rfind(prefix, 0) == 0; };
    for (const char* prefix : {"--define-macro=", "-D"}) {
        if (!begins(prefix)) continue;
        std::string macro = option.substr(std::strlen(prefix));
        size_t equals = macro.find('=');
        defines += "#define " + macro.substr(0, equals) + " " + (equals == std::string::npos ? "1" : macro.substr(equals + 1)) + "\n";
        return true;
    }
    for (const char* prefix : {"--gpu-architecture=", "-arch="}) {
        if (!begins(prefix)) continue;
        std::string arch = option.substr(std::strlen(prefix));
        program.real = arch.rfind("sm_", 0) == 0;
        return program.real || arch.rfind("compute_", 0) == 0;
    }
    for (const char* prefix : {"--fmad=", "-fmad=", "--use_fast_math", "-use_fast_math", "--std=", "-std=", "--ftz=", "-ftz=",
                               "--prec-sqrt=", "-prec-sqrt=", "--prec-div=", "-prec-div=", "--generate-line-info", "-lineinfo",
                               "--device-debug", "-G", "--maxrregcount=", "-maxrregcount=", "--extra-device-vectorization",
                               "--restrict", "-restrict", "--disable-warnings", "-w", "--device-as-default-execution-space",
                               "-default-device", "--include-path=", "-I", "--builtin-move-forward=", "--no-cache", "-no-cache"})
        if (begins(prefix)) return true;
    return false;
}
static int copy(const Program* program, const std::string& text, char* out) {
    if (!program->compiled) return NOT_COMPILED;
    return std::memcpy(out, text.c_str(), text.size() + 1), SUCCESS;
}
static int size(const Program* program, const std::string& text, size_t* out) {
    if (!program->compiled) return NOT_COMPILED;
    return *out = text.size() + 1, SUCCESS;
}

API int nvrtcVersion(int* major, int* minor) { return *major = 13, *minor = 0, SUCCESS; }
API const char* nvrtcGetErrorString(int result) {
    switch (result) {
    case SUCCESS: return "NVRTC_SUCCESS";
    case INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    default: return "NVRTC_ERROR unknown";
    }
}
API int nvrtcGetNumSupportedArchs(int* count) { return *count = 1, SUCCESS; }
API int nvrtcGetSupportedArchs(int* archs) { return *archs = 90, SUCCESS; }

API int nvrtcCreateProgram(Program** out, const char* source, const char*, int headers, const char* const*, const char* const*) {
    if (!source || headers != 0) return INVALID_INPUT;
    *out = new Program;
    return (*out)->source = source, SUCCESS;
}
API int nvrtcDestroyProgram(Program** program) {
    if (!*program) return INVALID_PROGRAM;
    return delete *program, *program = nullptr, SUCCESS;
}
API int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
    if (!program) return INVALID_PROGRAM;
    std::string defines;
    for (int i = 0; i < count; i++) {
        if (accept(*program, options[i], defines)) continue;
        program->compiled = true;  // the log may be asked for
        program->log = std::string("nvrtc: error: invalid option ") + options[i] + "\n";
        return INVALID_OPTION;
    }
    program->compiled = true;
    program->ptx = "// software nvrtc\n" + defines + "#line 1\n" + program->source;
    return SUCCESS;
}
API int nvrtcGetPTXSize(Program* program, size_t* bytes) { return size(program, program->ptx, bytes); }
API int nvrtcGetPTX(Program* program, char* out) { return copy(program, program->ptx, out); }
// With SOFTWARE_CUDA_CUBIN=elf it begins as a GPU's machine code does, so that whoever keeps that keeps it.
static std::string cubin(const Program* program) {
    const char* how = std::getenv("SOFTWARE_CUDA_CUBIN");
    return (how && !std::strcmp(how, "elf") ? "\x7f" "ELF\n" : "") + program->ptx;
}
API int nvrtcGetCUBINSize(Program* program, size_t* bytes) {
    if (program->compiled && !program->real) return *bytes = 0, SUCCESS;
    return size(program, cubin(program), bytes);
}
API int nvrtcGetCUBIN(Program* program, char* out) { return program->real ? copy(program, cubin(program), out) : INVALID_PROGRAM; }
API int nvrtcGetProgramLogSize(Program* program, size_t* bytes) { return size(program, program->log, bytes); }
API int nvrtcGetProgramLog(Program* program, char* out) { return copy(program, program->log, out); }
