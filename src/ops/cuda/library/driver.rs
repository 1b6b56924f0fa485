//! The driver's functions, as `cuda.h` of CUDA 13 declares them.

use super::table::{table, text};
use cudarc::driver::sys::{
    CUcontext, CUdevice, CUdevice_attribute, CUdeviceptr, CUevent, CUfunction, CUgraph, CUgraphExec, CUmodule, CUstream,
    CUstreamCaptureMode,
};
use std::ffi::{c_char, c_int, c_uchar, c_uint, c_ulonglong, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a function of the driver answers: 0, or what went wrong. A plain number, since newer drivers have more of them.
pub type Status = c_uint;

table! {
    /// The driver.
    idle Cuda {
        fn cuInit(flags: c_uint) -> Status;
        fn cuDriverGetVersion(version: *mut c_int) -> Status;
        fn cuGetErrorName(status: Status, name: *mut *const c_char) -> Status;
        fn cuGetErrorString(status: Status, words: *mut *const c_char) -> Status;
        fn cuDeviceGetCount(count: *mut c_int) -> Status;
        fn cuDeviceGet(device: *mut CUdevice, ordinal: c_int) -> Status;
        fn cuDeviceGetName(name: *mut c_char, bytes: c_int, device: CUdevice) -> Status;
        fn cuDeviceGetAttribute(value: *mut c_int, which: CUdevice_attribute, device: CUdevice) -> Status;
        fn cuDeviceTotalMem_v2(bytes: *mut usize, device: CUdevice) -> Status;
        fn cuDevicePrimaryCtxRetain(context: *mut CUcontext, device: CUdevice) -> Status;
        fn cuDevicePrimaryCtxRelease_v2(device: CUdevice) -> Status;
        fn cuCtxSetCurrent(context: CUcontext) -> Status;
        fn cuStreamCreate(stream: *mut CUstream, flags: c_uint) -> Status;
        fn cuStreamSynchronize(stream: CUstream) -> Status;
        fn cuStreamDestroy_v2(stream: CUstream) -> Status;
        fn cuStreamBeginCapture_v2(stream: CUstream, mode: CUstreamCaptureMode) -> Status;
        fn cuStreamEndCapture(stream: CUstream, graph: *mut CUgraph) -> Status;
        fn cuGraphInstantiateWithFlags(executable: *mut CUgraphExec, graph: CUgraph, flags: c_ulonglong) -> Status;
        fn cuGraphDestroy(graph: CUgraph) -> Status;
        fn cuGraphLaunch(executable: CUgraphExec, stream: CUstream) -> Status;
        fn cuGraphExecDestroy(executable: CUgraphExec) -> Status;
        fn cuEventCreate(event: *mut CUevent, flags: c_uint) -> Status;
        fn cuEventRecord(event: CUevent, stream: CUstream) -> Status;
        fn cuEventSynchronize(event: CUevent) -> Status;
        fn cuEventDestroy_v2(event: CUevent) -> Status;
        fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> Status;
        fn cuMemAlloc_v2(address: *mut CUdeviceptr, bytes: usize) -> Status;
        fn cuMemFree_v2(address: CUdeviceptr) -> Status;
        fn cuMemHostAlloc(start: *mut *mut c_void, bytes: usize, flags: c_uint) -> Status;
        fn cuMemFreeHost(start: *mut c_void) -> Status;
        fn cuMemcpyHtoDAsync_v2(to: CUdeviceptr, from: *const c_void, bytes: usize, stream: CUstream) -> Status;
        fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: CUdeviceptr, bytes: usize, stream: CUstream) -> Status;
        fn cuMemcpyDtoDAsync_v2(to: CUdeviceptr, from: CUdeviceptr, bytes: usize, stream: CUstream) -> Status;
        fn cuMemsetD8Async(at: CUdeviceptr, value: c_uchar, bytes: usize, stream: CUstream) -> Status;
        fn cuModuleLoadData(module: *mut CUmodule, image: *const c_void) -> Status;
        fn cuModuleUnload(module: CUmodule) -> Status;
        fn cuModuleGetFunction(function: *mut CUfunction, module: CUmodule, name: *const c_char) -> Status;
        fn cuLaunchKernel(
            function: CUfunction,
            blocks_x: c_uint,
            blocks_y: c_uint,
            blocks_z: c_uint,
            threads_x: c_uint,
            threads_y: c_uint,
            threads_z: c_uint,
            shared_bytes: c_uint,
            stream: CUstream,
            arguments: *mut *mut c_void,
            extra: *mut *mut c_void,
        ) -> Status;
    }
}

/// Addresses that name nothing, each used once.
unsafe extern "C" fn nowhere(address: *mut CUdeviceptr, bytes: usize) -> Status {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 40);
    // SAFETY: the caller wants an address there.
    unsafe { *address = NEXT.fetch_add(bytes.next_multiple_of(1 << 20) as u64, Ordering::Relaxed) };
    0
}

impl Cuda {
    /// A driver of a device that has room for everything and does nothing: what runs on it can be listed, on any machine.
    pub fn of_nothing() -> &'static Self {
        static MADE: OnceLock<Cuda> = OnceLock::new();
        MADE.get_or_init(|| Self { cuMemAlloc_v2: nowhere, ..Self::idle() })
    }

    /// What an answer means: `CUDA_ERROR_INVALID_IMAGE, device kernel image is invalid`.
    pub fn words(&self, status: Status) -> String {
        let (mut name, mut words) = (std::ptr::null(), std::ptr::null());
        // SAFETY: the driver writes pointers to text of its own, or null where it knows no such number.
        let (name, words) = unsafe {
            self.cuGetErrorName(status, &raw mut name);
            self.cuGetErrorString(status, &raw mut words);
            (text(name), text(words))
        };
        if name.is_empty() { format!("error {status}") } else { format!("{name}, {words}") }
    }
}
