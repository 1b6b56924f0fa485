//! Our own kernels: CUDA C++, compiled on the machine that runs them, for the GPU that it has.

use super::cache;
use super::driver::{self, Driver, Grid, NO_ROOM, NOT_FOUND};
use super::library::{self, Cuda, Status};
use super::memory::{Array, Kind};
use crate::config::Precision;
use candle_core::{Error, Result, bail};
use cudarc::driver::sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// What all programs begin with.
const COMMON: &str = include_str!("kernels/common.cu");
const ACTIVATIONS: &str = include_str!("kernels/activations.cu");

/// The kernels, as programs that are compiled side by side, each in a thread, and are modules of their own. Cut so that all take about as long.
const PROGRAMS: [&[&str]; 4] = [
    &[ACTIVATIONS, include_str!("kernels/normalise.cu"), include_str!("kernels/head.cu")],
    &[
        include_str!("kernels/maps.cu"),
        include_str!("kernels/elementwise.cu"),
        include_str!("kernels/bilinear.cu"),
        include_str!("kernels/upsampled.cu"),
        include_str!("kernels/folded.cu"),
    ],
    &[include_str!("kernels/loss.cu"), include_str!("kernels/terms.cu"), include_str!("kernels/lovasz.cu")],
    &[ACTIVATIONS, include_str!("kernels/gate.cu"), include_str!("kernels/optimizer.cu"), include_str!("kernels/convolve.cu")],
];

/// Bytes that a compiling thread has for calls, which are deep: as many as the first thread of a process.
const STACK: usize = 8 << 20;

/// How machine code begins: it is an ELF file.
const MACHINE_CODE: &[u8] = b"\x7fELF";

/// All sources of a program as one, for maps of this kind.
fn source(program: &[&str], maps: Kind) -> String {
    let define = if maps == Kind::Bf16 { "#define STORED_BF16 1\n" } else { "" };
    format!("{define}{COMMON}\n{}", program.join("\n"))
}

/// What `work` makes of each program, in threads side by side; of several errors the first.
fn of_each<T: Send, E: Send>(work: impl Fn(&[&str]) -> std::result::Result<T, E> + Sync) -> std::result::Result<Vec<T>, E> {
    let work = &work;
    std::thread::scope(|scope| {
        let start = |program| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || work(program));
        let threads: Vec<_> = PROGRAMS.into_iter().map(|program| (program, start(program))).collect();
        // Where the system starts no more threads, this one does the work.
        let done = threads.into_iter().map(|(program, thread)| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => work(program),
        });
        done.collect()
    })
}

/// Compiles all kernels, and returns the machine code of each program; `capability` is 90 for 9.0.
///
/// # Errors
/// If there is no compiler, or it refuses; in words.
pub fn compile(maps: Kind, capability: i32) -> std::result::Result<Vec<Vec<u8>>, String> {
    of_each(|program| compile_program(program, maps, capability))
}

fn compile_program(program: &[&str], maps: Kind, capability: i32) -> std::result::Result<Vec<u8>, String> {
    let nvrtc = library::compiler()?;
    let source = CString::new(source(program, maps)).expect("sources have no zero byte");
    let options = [format!("--gpu-architecture=sm_{capability}"), "--std=c++17".to_owned()];
    let options = options.map(|option| CString::new(option).expect("options have no zero byte"));
    nvrtc.compile(&source, c"umlaut.cu", &options)
}

/// The machine code of all programs for maps of one kind and a device of this capability, or why there is none.
type Codes = std::result::Result<Vec<Code>, String>;

fn codes(maps: Kind, capability: i32) -> Codes {
    of_each(|program| Code::of(program, maps, capability))
}

/// Kernels that a thread makes ready: for which maps, and with the capability of the device that they are for, if there is one.
type Begun = (Kind, JoinHandle<Option<(i32, Codes)>>);

/// Those that no device has taken yet.
static BEGUN: Mutex<Option<Begun>> = Mutex::new(None);

fn take_begun() -> Option<Begun> {
    BEGUN.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Kernels that are made ready while something else is done. Dropped, it waits for those that no device took.
#[must_use]
pub struct Compiling(());

/// Begins to make kernels ready for the device of this number, before it is opened. Whatever fails here fails again when it is, and is reported
/// then.
pub fn begin_compiling(ordinal: usize, precision: Precision) -> Compiling {
    let maps = Kind::of_maps(precision);
    let work = move || {
        let capability = driver::capability(ordinal).ok()?;
        Some((capability, codes(maps, capability)))
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).ok();
    let begun = thread.map(|thread| (maps, thread));
    *BEGUN.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    Compiling(())
}

impl Drop for Compiling {
    fn drop(&mut self) {
        // A thread that still compiles must not outlive the compiler's library, which ends with the process.
        _ = take_begun().map(|(_, thread)| thread.join());
    }
}

/// The code that a thread makes ready for such a device, else made now.
fn codes_begun(maps: Kind, capability: i32) -> Codes {
    let begun = take_begun().filter(|(kind, _)| *kind == maps);
    match begun.map(|(_, thread)| thread.join()) {
        Some(Ok(Some((found, codes)))) if found == capability => codes,
        _ => codes(maps, capability),
    }
}

/// The machine code of a program, and where it is kept: compiling takes seconds.
struct Code {
    bytes: Vec<u8>,
    path: Option<PathBuf>,
    /// Whether it was there.
    cached: bool,
}

impl Code {
    /// What the user's cache has, else compiled.
    fn of(program: &[&str], maps: Kind, capability: i32) -> std::result::Result<Self, String> {
        let mut hash = blake3::Hasher::new();
        hash.update(source(program, maps).as_bytes())
            .update(&capability.to_le_bytes())
            .update(env!("CARGO_PKG_VERSION").as_bytes());
        let path = cache::path(&format!("{}.cubin", &hash.finalize().to_hex()[..32]));
        match path.as_ref().and_then(|path| std::fs::read(path).ok()) {
            Some(bytes) => Ok(Self { bytes, path, cached: true }),
            None => Ok(Self { bytes: compile_program(program, maps, capability)?, path, cached: false }),
        }
    }

    /// Puts it where it is looked for, if it is not there.
    fn keep(&self) {
        // What an emulated device takes for code is no machine code, and must not reach a real one.
        if let Some(path) = self.path.as_ref().filter(|_| !self.cached && self.bytes.starts_with(MACHINE_CODE)) {
            // A cache that cannot be written costs seconds at the next start, no more.
            _ = cache::keep(path, &self.bytes);
        }
    }
}

/// Removes a file that the driver does not load: whatever damaged it, or a driver that takes no such code any more. What is to be said of it.
fn refused(driver: &Driver, path: &Path, status: Status) -> String {
    let removed = std::fs::remove_file(path).map_or_else(|e| format!(" and cannot be removed ({e})"), |()| String::new());
    let (path, why) = (path.display(), driver.cuda().words(status));
    format!("{path}: the driver refuses these kernels, compiled earlier ({why}){removed}; they are compiled anew")
}

/// The kernels for maps of one kind, loaded.
pub(super) struct Kernels {
    cuda: &'static Cuda,
    modules: Vec<sys::CUmodule>,
    functions: RefCell<HashMap<&'static str, sys::CUfunction>>,
}

impl Kernels {
    /// The kernels from the user's cache, else compiled and put there; with what is to be said of that, if anything.
    pub fn load(driver: &Driver, maps: Kind) -> Result<(Self, Option<String>)> {
        let (capability, mut note) = (driver.description.capability, None);
        let mut kernels = Self { cuda: driver.cuda(), modules: Vec::new(), functions: RefCell::default() };
        let codes = codes_begun(maps, capability).map_err(Error::Msg)?;
        for (program, mut code) in PROGRAMS.into_iter().zip(codes) {
            let mut loaded = kernels.add(&code.bytes);
            if let (Err(status), true, Some(path)) = (loaded, code.cached, &code.path)
                && status != NO_ROOM
            {
                let text = refused(driver, path, status);
                note.get_or_insert(text);
                let bytes = compile_program(program, maps, capability).map_err(Error::Msg)?;
                code = Code { bytes, cached: false, ..code };
                loaded = kernels.add(&code.bytes);
            }
            loaded.map_err(|status| driver.failed("loading the kernels", status))?;
            code.keep();
        }
        Ok((kernels, note))
    }

    /// Kernels of a device that does nothing.
    pub fn of_nothing(driver: &Driver) -> Self {
        Self { cuda: driver.cuda(), modules: vec![std::ptr::null_mut()], functions: RefCell::default() }
    }

    /// Loads a program.
    fn add(&mut self, code: &[u8]) -> std::result::Result<(), Status> {
        let (code, mut module) = ([code, &[0]].concat(), std::ptr::null_mut());
        // SAFETY: the compiler made it; text (of other drivers' compilers) ends with the zero added above.
        match unsafe { self.cuda.cuModuleLoadData(&raw mut module, code.as_ptr().cast()) } {
            0 => {
                self.modules.push(module);
                Ok(())
            }
            status => Err(status),
        }
    }

    fn function(&self, driver: &Driver, name: &'static str) -> Result<sys::CUfunction> {
        if let Some(function) = self.functions.borrow().get(name) {
            return Ok(*function);
        }
        let text = CString::new(name).expect("names have no zero byte");
        for module in &self.modules {
            let mut found = std::ptr::null_mut();
            // SAFETY: the module is loaded; the name ends with a zero byte.
            let status = unsafe { self.cuda.cuModuleGetFunction(&raw mut found, *module, text.as_ptr()) };
            if status != NOT_FOUND {
                driver.checked(&format!("finding the kernel {name}"), status)?;
                self.functions.borrow_mut().insert(name, found);
                return Ok(found);
            }
        }
        bail!("no program has a kernel {name}")
    }

    /// Starts a kernel.
    ///
    /// # Safety
    /// `arguments` are of the kernel's parameter types, in order, and the arrays among them hold what it reads and writes.
    pub unsafe fn launch(&self, driver: &Driver, name: &'static str, grid: Grid, arguments: &[Argument]) -> Result<()> {
        if grid.blocks.contains(&0) || grid.blocks[1] > 65_535 || grid.blocks[2] > 65_535 {
            bail!("kernel {name}: {:?} blocks are none or too many", grid.blocks)
        }
        let mut pointers: Vec<*mut c_void> = arguments.iter().map(Argument::pointer).collect();
        unsafe { driver.launch(self.function(driver, name)?, grid, &mut pointers, name) }
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        // SAFETY: they were loaded, and whoever launches holds `self`.
        self.modules.iter().for_each(|module| unsafe { _ = self.cuda.cuModuleUnload(*module) });
    }
}

/// What a kernel is given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument {
    Address(u64),
    Int(i32),
    Long(i64),
    Float(f32),
    /// A struct of that many ints.
    Ints([i32; 11]),
}

impl Argument {
    fn pointer(&self) -> *mut c_void {
        match self {
            Self::Address(value) => std::ptr::from_ref(value).cast_mut().cast(),
            Self::Int(value) => std::ptr::from_ref(value).cast_mut().cast(),
            Self::Long(value) => std::ptr::from_ref(value).cast_mut().cast(),
            Self::Float(value) => std::ptr::from_ref(value).cast_mut().cast(),
            Self::Ints(value) => std::ptr::from_ref(value).cast_mut().cast(),
        }
    }
}

impl From<&Array> for Argument {
    fn from(array: &Array) -> Self {
        Self::Address(array.address())
    }
}

impl From<Option<&Array>> for Argument {
    fn from(array: Option<&Array>) -> Self {
        Self::Address(array.map_or(0, Array::address))
    }
}

impl From<usize> for Argument {
    /// As an `int`: numbers of channels, classes, samples. What may be larger is a [`Argument::Long`].
    fn from(number: usize) -> Self {
        Self::Int(i32::try_from(number).expect("sizes of a network fit"))
    }
}

impl From<bool> for Argument {
    fn from(flag: bool) -> Self {
        Self::Int(flag.into())
    }
}

/// A number that may not fit an `int`.
pub(super) fn long(number: usize) -> Argument {
    Argument::Long(i64::try_from(number).expect("no array is longer"))
}

/// A struct of ints.
pub(super) fn ints(numbers: &[usize]) -> Argument {
    let mut all = [0; 11];
    for (to, number) in all.iter_mut().zip(numbers) {
        *to = i32::try_from(*number).expect("sizes of a network fit");
    }
    Argument::Ints(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_in_one_program() {
        let mut names = Vec::new();
        for program in PROGRAMS {
            for kernel in source(program, Kind::F32).split("__global__ void").skip(1) {
                let head = kernel.split_once('(').expect("a kernel has parameters");
                // Launch bounds come before the name.
                let name = if head.0.contains("__launch_bounds__") { kernel.split_once(')').unwrap().1 } else { kernel };
                names.push(name.split('(').next().unwrap().trim().to_owned());
            }
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
        assert!(count > 50 && names.contains(&"apply_affine".into()) && names.contains(&"count_pixels".into()), "{names:?}");
    }
}
