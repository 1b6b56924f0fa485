// libcublasLt: as much of it as cuDNN and the program look for.
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

extern "C" __attribute__((visibility("default"))) size_t cublasLtGetVersion() {
    const char* hangs = std::getenv("SOFTWARE_CUDA_HANG");
    while (hangs && !std::strcmp(hangs, "cublasLtGetVersion")) pause();
    return 130100;
}
