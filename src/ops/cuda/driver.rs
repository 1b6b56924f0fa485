//! A device, its context and the one stream that everything runs on.

use super::library::{self, Cuda, Status};
use crate::OUT_OF_DEVICE_MEMORY;
use candle_core::{Error, Result, bail};
use cudarc::driver::sys;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::rc::Rc;

/// What is answered where there is no room.
pub(super) const NO_ROOM: Status = sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY as Status;
/// What is answered where a module has no kernel of that name.
pub(super) const NOT_FOUND: Status = sys::CUresult::CUDA_ERROR_NOT_FOUND as Status;

/// What the driver answered, as a result of tensors.
fn checked(cuda: &Cuda, what: &str, status: Status) -> Result<()> {
    if status == 0 { Ok(()) } else { Err(failed(cuda, what, status)) }
}

fn failed(cuda: &Cuda, what: &str, status: Status) -> Error {
    Error::Msg(match status {
        NO_ROOM => format!("{OUT_OF_DEVICE_MEMORY} in {what}"),
        _ => format!("CUDA: {what} failed: {}", cuda.words(status)),
    })
}

/// What can be said of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// As the driver calls it.
    pub name: String,
    /// Compute capability: 90 for 9.0.
    pub capability: i32,
    /// Bytes.
    pub memory: usize,
}

fn attribute(cuda: &Cuda, device: sys::CUdevice, which: sys::CUdevice_attribute) -> Result<i32> {
    let mut value = 0;
    // SAFETY: the driver writes a number there.
    checked(cuda, "asking for an attribute", unsafe { cuda.cuDeviceGetAttribute(&raw mut value, which, device) })?;
    Ok(value)
}

impl Description {
    fn of(cuda: &Cuda, device: sys::CUdevice) -> Result<Self> {
        let major = attribute(cuda, device, sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(cuda, device, sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let (mut name, mut memory) = ([0 as c_char; NAME + 1], 0);
        // SAFETY: the driver writes no more than the bytes named, and a number; a zero byte follows what it writes.
        let name = unsafe {
            checked(cuda, "asking for the name", cuda.cuDeviceGetName(name.as_mut_ptr(), NAME as c_int, device))?;
            checked(cuda, "asking for the memory", cuda.cuDeviceTotalMem_v2(&raw mut memory, device))?;
            CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned()
        };
        Ok(Self { name, capability: 10 * major + minor, memory })
    }
}

/// Number of devices that this process may use.
///
/// # Errors
/// If the driver cannot be loaded or started; in words, with a remedy.
pub fn count() -> std::result::Result<usize, String> {
    let (cuda, mut count) = (library::driver()?, 0);
    // SAFETY: the driver writes a number there.
    let status = unsafe {
        match cuda.cuInit(0) {
            0 => cuda.cuDeviceGetCount(&raw mut count),
            status => status,
        }
    };
    match status {
        0 => Ok(usize::try_from(count).unwrap_or(0)),
        _ => Err(format!("NVIDIA's driver cannot start: {}", cuda.words(status))),
    }
}

/// The compute capability of the device of this number, which is not opened.
pub(super) fn capability(ordinal: usize) -> Result<i32> {
    let (cuda, mut device) = (library::driver().map_err(Error::Msg)?, 0);
    count().map_err(Error::Msg)?;
    let number = c_int::try_from(ordinal).unwrap_or(c_int::MAX);
    // SAFETY: the driver writes the device there.
    checked(cuda, "finding the device", unsafe { cuda.cuDeviceGet(&raw mut device, number) })?;
    Ok(Description::of(cuda, device)?.capability)
}

/// The newest CUDA that the driver serves, as `13.0`.
pub(super) fn version() -> Result<String> {
    let (cuda, mut version) = (library::driver().map_err(Error::Msg)?, 0);
    // SAFETY: the driver writes a number there.
    checked(cuda, "asking for the version", unsafe { cuda.cuDriverGetVersion(&raw mut version) })?;
    Ok(format!("{}.{}", version / 1000, version % 1000 / 10))
}

/// Bytes of a device's name that are read.
const NAME: usize = 128;

/// A stream that does not wait for the default one: `CU_STREAM_NON_BLOCKING`.
const NON_BLOCKING: u32 = 1;

/// The context of a device with its stream; all calls come from the thread that opened it.
pub(super) struct Driver {
    cuda: &'static Cuda,
    device: sys::CUdevice,
    stream: sys::CUstream,
    pub description: Description,
}

impl Driver {
    pub fn open(ordinal: usize) -> Result<Self> {
        let there = count().map_err(Error::Msg)?;
        if ordinal >= there {
            bail!("cuda:{ordinal}: there are {there} devices, counted from 0")
        }
        let cuda = library::driver().map_err(Error::Msg)?;
        let (mut device, mut context, mut stream) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        let number = c_int::try_from(ordinal).unwrap_or(c_int::MAX);
        // SAFETY: the driver writes the device there.
        checked(cuda, "opening the device", unsafe { cuda.cuDeviceGet(&raw mut device, number) })?;
        let description = Description::of(cuda, device)?;
        // SAFETY: the device is valid; the context is kept until the process ends.
        unsafe {
            checked(cuda, "making a context", cuda.cuDevicePrimaryCtxRetain(&raw mut context, device))?;
            checked(cuda, "entering the context", cuda.cuCtxSetCurrent(context))?;
            checked(cuda, "making a stream", cuda.cuStreamCreate(&raw mut stream, NON_BLOCKING))?;
        }
        Ok(Self { cuda, device, stream, description })
    }

    /// A device that has room for everything and does nothing.
    pub fn of_nothing() -> Self {
        let description = Description { name: "no device".to_owned(), capability: 0, memory: 0 };
        Self { cuda: Cuda::of_nothing(), device: 0, stream: std::ptr::null_mut(), description }
    }

    /// What the driver answered to a call for this device, as a result of tensors.
    pub fn checked(&self, what: &str, status: Status) -> Result<()> {
        checked(self.cuda, what, status)
    }

    /// The error of an answer that is no success.
    pub fn failed(&self, what: &str, status: Status) -> Error {
        failed(self.cuda, what, status)
    }

    /// The driver's functions.
    pub fn cuda(&self) -> &'static Cuda {
        self.cuda
    }

    pub fn stream(&self) -> sys::CUstream {
        self.stream
    }

    /// Waits for all that was asked for.
    pub fn synchronise(&self) -> Result<()> {
        // SAFETY: the stream lives as long as `self`.
        self.checked("waiting for the device", unsafe { self.cuda.cuStreamSynchronize(self.stream) })
    }

    /// How many blocks of threads run side by side at least.
    pub fn multiprocessors(&self) -> Result<i32> {
        attribute(self.cuda, self.device, sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
    }

    /// Bytes that the device has free now.
    pub fn free_memory(&self) -> Result<usize> {
        let (mut free, mut total) = (0, 0);
        // SAFETY: the driver writes numbers there.
        self.checked("asking for free memory", unsafe { self.cuda.cuMemGetInfo_v2(&raw mut free, &raw mut total) })?;
        Ok(free)
    }

    /// Copies to the device.
    ///
    /// # Safety
    /// `to` names at least as many bytes as `from` has, on this device.
    pub unsafe fn upload<T: Copy>(&self, to: u64, from: &[T]) -> Result<()> {
        let copied = unsafe { self.cuda.cuMemcpyHtoDAsync_v2(to, from.as_ptr().cast(), size_of_val(from), self.stream) };
        self.checked("copying to the device", copied)
    }

    /// Copies from the device, and waits.
    ///
    /// # Safety
    /// `from` names at least as many bytes as `to` has, on this device, and any bytes make a `T`.
    pub unsafe fn download<T: Copy>(&self, to: &mut [T], from: u64) -> Result<()> {
        let copied = unsafe { self.cuda.cuMemcpyDtoHAsync_v2(to.as_mut_ptr().cast(), from, size_of_val(to), self.stream) };
        self.checked("copying from the device", copied)?;
        self.synchronise()
    }

    /// Copies on the device.
    ///
    /// # Safety
    /// Both name at least `bytes` bytes on this device, which do not overlap.
    pub unsafe fn copy(&self, to: u64, from: u64, bytes: usize) -> Result<()> {
        self.checked("copying on the device", unsafe { self.cuda.cuMemcpyDtoDAsync_v2(to, from, bytes, self.stream) })
    }

    /// Fills with zeros.
    ///
    /// # Safety
    /// `at` names at least `bytes` bytes on this device.
    pub unsafe fn clear(&self, at: u64, bytes: usize) -> Result<()> {
        self.checked("clearing memory", unsafe { self.cuda.cuMemsetD8Async(at, 0, bytes, self.stream) })
    }

    /// Starts a kernel.
    ///
    /// # Safety
    /// `arguments` point at values of the kernel's parameter types, in order, and what they name is large enough.
    pub unsafe fn launch(&self, kernel: sys::CUfunction, grid: Grid, arguments: &mut [*mut c_void], what: &str) -> Result<()> {
        let Grid { blocks: [x, y, z], threads } = grid;
        let (arguments, none) = (arguments.as_mut_ptr(), std::ptr::null_mut());
        // SAFETY: the caller's.
        let started = unsafe { self.cuda.cuLaunchKernel(kernel, x, y, z, threads, 1, 1, 0, self.stream, arguments, none) };
        self.checked(what, started)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Whatever these say, nothing more can be done.
        // SAFETY: both are alive, and everything that used them is gone.
        unsafe {
            _ = self.cuda.cuStreamDestroy_v2(self.stream);
            _ = self.cuda.cuDevicePrimaryCtxRelease_v2(self.device);
        }
    }
}

/// A moment in the stream of work.
pub struct Moment {
    cuda: &'static Cuda,
    event: sys::CUevent,
}

impl Driver {
    /// The moment when all that was asked for so far is done.
    pub fn moment(&self) -> Result<Moment> {
        let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING as u32;
        let (cuda, mut event) = (self.cuda, std::ptr::null_mut());
        // SAFETY: the driver writes the event there.
        self.checked("making an event", unsafe { cuda.cuEventCreate(&raw mut event, flags) })?;
        let moment = Moment { cuda, event };
        // SAFETY: event and stream are alive.
        self.checked("recording an event", unsafe { cuda.cuEventRecord(moment.event, self.stream) })?;
        Ok(moment)
    }
}

impl Moment {
    /// Waits for it.
    ///
    /// # Errors
    /// If something before it failed on the device.
    pub fn wait(&self) -> Result<()> {
        // SAFETY: the event is alive.
        checked(self.cuda, "waiting for the device", unsafe { self.cuda.cuEventSynchronize(self.event) })
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        // SAFETY: it was made by `moment`.
        unsafe { _ = self.cuda.cuEventDestroy_v2(self.event) }
    }
}

/// Numbers of this machine that the device can write to, and bytes that it can read, while the program goes on.
pub struct Pinned {
    start: *mut f64,
    len: usize,
    driver: Rc<Driver>,
}

impl Pinned {
    pub(super) fn new(driver: &Rc<Driver>, len: usize) -> Result<Self> {
        let mut start = std::ptr::null_mut();
        // SAFETY: no more than an allocation; it is filled below.
        let allocated = unsafe { driver.cuda.cuMemHostAlloc(&raw mut start, len.max(1) * size_of::<f64>(), 0) };
        driver.checked("allocating memory of this machine", allocated)?;
        let start = start.cast::<f64>();
        // SAFETY: as many numbers were allocated.
        unsafe { std::slice::from_raw_parts_mut(start, len) }.fill(f64::NAN);
        Ok(Self { start, len, driver: driver.clone() })
    }

    /// Asks for numbers from `from` on the device, to be put from `at` on. They may be read after a [`Moment`] that comes later.
    pub(super) fn fetch(&self, driver: &Driver, at: usize, from: u64, count: usize) -> Result<()> {
        assert!(at + count <= self.len, "a part lies within the whole");
        // SAFETY: the part lies within memory that lives as long as `self`; nobody reads it before the moment comes.
        let copied = unsafe {
            let to = self.start.add(at).cast();
            driver.cuda.cuMemcpyDtoHAsync_v2(to, from, count * size_of::<f64>(), driver.stream)
        };
        driver.checked("copying from the device", copied)
    }

    /// Puts values where bytes from `at` on lie, and asks for a copy of them on the device. They must stay until a [`Moment`] that comes later.
    pub(super) fn send<T: Copy>(&self, driver: &Driver, at: usize, to: u64, values: &[T]) -> Result<()> {
        assert!(at + size_of_val(values) <= self.len * size_of::<f64>(), "a part lies within the whole");
        assert!(at.is_multiple_of(align_of::<T>()), "a part begins where its numbers may");
        // SAFETY: the part lies within memory that lives as long as `self` and begins at a page; any bytes are overwritten by plain numbers.
        let part = unsafe { std::slice::from_raw_parts_mut(self.start.cast::<u8>().add(at).cast::<T>(), values.len()) };
        part.copy_from_slice(values);
        // SAFETY: whoever calls names an array of as many numbers.
        unsafe { driver.upload(to, part) }
    }

    /// Numbers that have arrived.
    pub fn read(&self, at: usize, count: usize) -> Vec<f64> {
        assert!(at + count <= self.len, "a part lies within the whole");
        // SAFETY: within the allocation, and filled since the beginning.
        unsafe { std::slice::from_raw_parts(self.start.add(at), count) }.to_vec()
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Copies may be under way; whatever this says, they have ended then.
        _ = self.driver.synchronise();
        // SAFETY: it was allocated by `new`, and no copy reads or writes it any more.
        unsafe { _ = self.driver.cuda.cuMemFreeHost(self.start.cast()) }
    }
}

/// How many threads a kernel gets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub blocks: [u32; 3],
    /// Of a block.
    pub threads: u32,
}

/// Threads of a block, unless a kernel wants otherwise.
pub(super) const THREADS: u32 = 256;

impl Grid {
    /// A block for each of so many things.
    pub fn blocks(count: usize) -> Self {
        Self { blocks: [u32::try_from(count).unwrap_or(u32::MAX), 1, 1], threads: THREADS }
    }

    /// A thread for each of so many things, or for some of them: kernels take strides.
    pub fn over(count: usize) -> Self {
        Self {
            blocks: [u32::try_from(count.div_ceil(THREADS as usize)).unwrap_or(u32::MAX).clamp(1, 1 << 16), 1, 1],
            threads: THREADS,
        }
    }
}
