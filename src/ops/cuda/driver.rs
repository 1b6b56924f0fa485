//! A device, its context and the one stream that everything runs on.

use super::library;
use crate::OUT_OF_DEVICE_MEMORY;
use candle_core::{Error, Result, bail};
use cudarc::driver::{result, sys};
use std::ffi::c_void;
use std::rc::Rc;

/// What the driver reports, as an error of tensors.
pub(super) fn failed(what: &str, error: result::DriverError) -> Error {
    if error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
        return Error::Msg(format!("{OUT_OF_DEVICE_MEMORY} in {what}"));
    }
    Error::Msg(format!("CUDA: {what} failed: {error}"))
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

/// Number of devices that this process may use.
///
/// # Errors
/// If the driver cannot be loaded or started; in words, with a remedy.
pub fn count() -> std::result::Result<usize, String> {
    library::driver()?;
    let count = result::init().and_then(|()| result::device::get_count());
    count.map(|count| usize::try_from(count).unwrap_or(0)).map_err(|e| format!("NVIDIA's driver cannot start: {e}"))
}

/// The newest CUDA that the driver serves, as `13.0`.
pub(super) fn version() -> Result<String> {
    let mut version = 0;
    // SAFETY: the driver writes a number there.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }.result().map_err(|e| failed("asking for the version", e))?;
    Ok(format!("{}.{}", version / 1000, version % 1000 / 10))
}

/// The context of a device with its stream; all calls come from the thread that opened it.
pub(super) struct Driver {
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
        let call = |what: &'static str| move |e| failed(what, e);
        let device = result::device::get(i32::try_from(ordinal).unwrap_or(i32::MAX)).map_err(call("opening the device"))?;
        let attribute = |which| unsafe { result::device::get_attribute(device, which) }.map_err(call("asking for an attribute"));
        let capability = 10 * attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?
            + attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let name = result::device::get_name(device).map_err(call("asking for the name"))?;
        // SAFETY: the device is valid; the context is kept until the process ends.
        let (memory, context) = unsafe {
            (result::device::total_mem(device).map_err(call("asking for the memory"))?, result::primary_ctx::retain(device))
        };
        let context = context.map_err(call("making a context"))?;
        // SAFETY: the context was made above.
        unsafe { result::ctx::set_current(context) }.map_err(call("entering the context"))?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking).map_err(call("making a stream"))?;
        Ok(Self { device, stream, description: Description { name, capability, memory } })
    }

    pub fn stream(&self) -> sys::CUstream {
        self.stream
    }

    /// Waits for all that was asked for.
    pub fn synchronise(&self) -> Result<()> {
        // SAFETY: the stream lives as long as `self`.
        unsafe { result::stream::synchronize(self.stream) }.map_err(|e| failed("waiting for the device", e))
    }

    /// How many blocks of threads run side by side at least.
    pub fn multiprocessors(&self) -> Result<i32> {
        let which = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        // SAFETY: the device was opened.
        unsafe { result::device::get_attribute(self.device, which) }.map_err(|e| failed("asking for an attribute", e))
    }

    /// Bytes that the device has free now.
    pub fn free_memory(&self) -> Result<usize> {
        Ok(result::mem_get_info().map_err(|e| failed("asking for free memory", e))?.0)
    }

    /// Records what `work` asks for instead of doing it.
    pub fn capture(&self, work: impl FnOnce() -> Result<()>) -> Result<Graph> {
        let what = |e| failed("recording a graph", e);
        // Relaxed: memory may be allocated meanwhile, which is no work of the stream.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the stream lives as long as `self`; capture is ended whatever `work` does.
        unsafe { result::stream::begin_capture(self.stream, mode) }.map_err(what)?;
        let done = work();
        let graph = unsafe { result::stream::end_capture(self.stream) };
        done?;
        let graph = graph.map_err(what)?;
        // SAFETY: the graph was just recorded; nothing refers to it once it is instantiated.
        let executable = unsafe {
            let mut executable = std::ptr::null_mut();
            let made = sys::cuGraphInstantiateWithFlags(&raw mut executable, graph, 0).result();
            let destroyed = result::graph::destroy(graph);
            made.and(destroyed).map_err(what)?;
            executable
        };
        Ok(Graph { executable })
    }

    /// Does what was recorded.
    pub fn replay(&self, graph: &Graph) -> Result<()> {
        // SAFETY: graph and stream are alive; the memory that the graph names is kept by its owner.
        unsafe { result::graph::launch(graph.executable, self.stream) }.map_err(|e| failed("replaying a graph", e))
    }

    /// Copies to the device.
    ///
    /// # Safety
    /// `to` names at least as many bytes as `from` has, on this device.
    pub unsafe fn upload<T: Copy>(&self, to: u64, from: &[T]) -> Result<()> {
        unsafe { result::memcpy_htod_async(to, from, self.stream) }.map_err(|e| failed("copying to the device", e))
    }

    /// Copies from the device, and waits.
    ///
    /// # Safety
    /// `from` names at least as many bytes as `to` has, on this device, and any bytes make a `T`.
    pub unsafe fn download<T: Copy>(&self, to: &mut [T], from: u64) -> Result<()> {
        unsafe { result::memcpy_dtoh_async(to, from, self.stream) }.map_err(|e| failed("copying from the device", e))?;
        self.synchronise()
    }

    /// Copies on the device.
    ///
    /// # Safety
    /// Both name at least `bytes` bytes on this device, which do not overlap.
    pub unsafe fn copy(&self, to: u64, from: u64, bytes: usize) -> Result<()> {
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream) }.map_err(|e| failed("copying on the device", e))
    }

    /// Fills with zeros.
    ///
    /// # Safety
    /// `at` names at least `bytes` bytes on this device.
    pub unsafe fn clear(&self, at: u64, bytes: usize) -> Result<()> {
        unsafe { result::memset_d8_async(at, 0, bytes, self.stream) }.map_err(|e| failed("clearing memory", e))
    }

    /// Starts a kernel.
    ///
    /// # Safety
    /// `arguments` point at values of the kernel's parameter types, in order, and what they name is large enough.
    pub unsafe fn launch(&self, kernel: sys::CUfunction, grid: Grid, arguments: &mut [*mut c_void], what: &str) -> Result<()> {
        let Grid { blocks, threads } = grid;
        let started = unsafe { result::launch_kernel(kernel, blocks.into(), (threads, 1, 1), 0, self.stream, arguments) };
        started.map_err(|e| failed(what, e))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Whatever these say, nothing more can be done.
        // SAFETY: both are alive, and everything that used them is gone.
        unsafe {
            _ = result::stream::destroy(self.stream);
            _ = result::primary_ctx::release(self.device);
        }
    }
}

/// A moment in the stream of work.
pub struct Moment {
    event: sys::CUevent,
}

impl Driver {
    /// The moment when all that was asked for so far is done.
    pub fn moment(&self) -> Result<Moment> {
        let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING;
        let moment = Moment { event: result::event::create(flags).map_err(|e| failed("making an event", e))? };
        // SAFETY: event and stream are alive.
        unsafe { result::event::record(moment.event, self.stream) }.map_err(|e| failed("recording an event", e))?;
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
        unsafe { result::event::synchronize(self.event) }.map_err(|e| failed("waiting for the device", e))
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        // SAFETY: it was made by `moment`.
        unsafe { _ = result::event::destroy(self.event) }
    }
}

/// Numbers of this machine that the device can write to, and bytes that it can read, while the program goes on.
pub struct Pinned {
    start: *mut f64,
    len: usize,
    _driver: Rc<Driver>,
}

impl Pinned {
    pub(super) fn new(driver: &Rc<Driver>, len: usize) -> Result<Self> {
        // SAFETY: no more than an allocation; it is filled below.
        let start = unsafe { result::malloc_host(len.max(1) * size_of::<f64>(), 0) };
        let start = start.map_err(|e| failed("allocating memory of this machine", e))?.cast::<f64>();
        // SAFETY: as many numbers were allocated.
        unsafe { std::slice::from_raw_parts_mut(start, len) }.fill(f64::NAN);
        Ok(Self { start, len, _driver: driver.clone() })
    }

    /// Asks for numbers from `from` on the device, to be put from `at` on. They may be read after a [`Moment`] that comes later.
    pub(super) fn fetch(&self, driver: &Driver, at: usize, from: u64, count: usize) -> Result<()> {
        assert!(at + count <= self.len, "a part lies within the whole");
        // SAFETY: the part lies within memory that lives as long as `self`; nobody reads it before the moment comes.
        let part = unsafe { std::slice::from_raw_parts_mut(self.start.add(at), count) };
        unsafe { result::memcpy_dtoh_async(part, from, driver.stream) }.map_err(|e| failed("copying from the device", e))
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
        // SAFETY: it was allocated by `new`; the driver waits for copies under way.
        unsafe { _ = result::free_host(self.start.cast()) }
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

/// Recorded work.
pub struct Graph {
    executable: sys::CUgraphExec,
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: it was made by `capture` and is not used any more.
        unsafe { _ = result::graph::exec_destroy(self.executable) }
    }
}
