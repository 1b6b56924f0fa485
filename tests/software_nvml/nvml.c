/* A library of NVIDIA's management (NVML) without a GPU: two of them, as far as umlaut asks. Structures as in nvml.h. */
#include <stdio.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_FOUND = 6 };

typedef struct { const char *name, *uuid; unsigned long long total, free; } device;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned int gpu, memory; } utilization;

#ifdef EMULATED /* those of tests/software_cuda */
static device devices[] = {
    {"Software CUDA", "GPU-534f4654-5741-5245-4355-444100000000", 16000000000ull, 15000000000ull},
    {"Software CUDA", "GPU-534f4654-5741-5245-4355-444100000001", 16000000000ull, 15000000000ull},
};
#else
static device devices[] = {
    {"NVIDIA H200", "GPU-11111111-aaaa-bbbb-cccc-000000000000", 150000000000ull, 149400000000ull},
    {"NVIDIA L4", "GPU-22222222-aaaa-bbbb-cccc-000000000000", 24000000000ull, 8000000000ull},
};
#endif
static const unsigned int count = sizeof devices / sizeof *devices;

static int text(char *to, unsigned int length, const char *from) {
    snprintf(to, length, "%s", from);
    return SUCCESS;
}

int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlSystemGetDriverVersion(char *to, unsigned int length) { return text(to, length, "580.95.05"); }
int nvmlDeviceGetCount_v2(unsigned int *to) { *to = count; return SUCCESS; }
int nvmlDeviceGetName(device *d, char *to, unsigned int length) { return text(to, length, d->name); }
int nvmlDeviceGetUUID(device *d, char *to, unsigned int length) { return text(to, length, d->uuid); }

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, device **to) {
    if (index >= count) return INVALID_ARGUMENT;
    *to = &devices[index];
    return SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, device **to) {
    for (unsigned int i = 0; i < count; i++)
        if (!strcmp(devices[i].uuid, uuid)) return nvmlDeviceGetHandleByIndex_v2(i, to);
    return NOT_FOUND;
}

int nvmlDeviceGetUtilizationRates(device *d, utilization *to) {
    to->gpu = 87;
    to->memory = d->total ? 40 : 0;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(device *d, memory_v2 *to) {
    if (to->version != (sizeof *to | 2 << 24)) return INVALID_ARGUMENT;
    to->total = d->total;
    to->reserved = 0;
    to->free = d->free;
    to->used = d->total - d->free;
    return SUCCESS;
}
