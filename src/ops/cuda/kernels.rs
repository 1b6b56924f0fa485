//! Our own kernels: CUDA C++, compiled on the machine that runs them, for the GPU that it has.

use super::cache;
use super::driver::{Driver, Grid, NO_ROOM};
use super::library::{self, Cuda, Status};
use super::memory::{Array, Kind};
use candle_core::{Error, Result, bail};
use cudarc::driver::sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};

/// The sources; the first is what the others share.
const SOURCES: [&str; 14] = [
    include_str!("kernels/common.cu"),
    include_str!("kernels/activations.cu"),
    include_str!("kernels/normalise.cu"),
    include_str!("kernels/maps.cu"),
    include_str!("kernels/elementwise.cu"),
    include_str!("kernels/bilinear.cu"),
    include_str!("kernels/gate.cu"),
    include_str!("kernels/upsampled.cu"),
    include_str!("kernels/head.cu"),
    include_str!("kernels/loss.cu"),
    include_str!("kernels/terms.cu"),
    include_str!("kernels/lovasz.cu"),
    include_str!("kernels/optimizer.cu"),
    include_str!("kernels/convolve.cu"),
];

/// How machine code begins: it is an ELF file.
const MACHINE_CODE: &[u8] = b"\x7fELF";

/// All sources as one, for maps of this kind.
fn source(maps: Kind) -> String {
    let define = if maps == Kind::Bf16 { "#define STORED_BF16 1\n" } else { "" };
    format!("{define}{}", SOURCES.join("\n"))
}

/// Compiles all kernels, and returns the machine code; `capability` is 90 for 9.0.
///
/// # Errors
/// If there is no compiler, or it refuses; in words.
pub fn compile(maps: Kind, capability: i32) -> std::result::Result<Vec<u8>, String> {
    let nvrtc = library::compiler()?;
    let source = CString::new(source(maps)).expect("sources have no zero byte");
    let options = [format!("--gpu-architecture=sm_{capability}"), "--std=c++17".to_owned()];
    let options = options.map(|option| CString::new(option).expect("options have no zero byte"));
    nvrtc.compile(&source, c"umlaut.cu", &options)
}

/// Where compiled kernels are kept: compiling takes seconds.
fn kept(maps: Kind, capability: i32) -> Option<PathBuf> {
    let mut hash = blake3::Hasher::new();
    hash.update(source(maps).as_bytes()).update(&capability.to_le_bytes()).update(env!("CARGO_PKG_VERSION").as_bytes());
    cache::path(&format!("{}.cubin", &hash.finalize().to_hex()[..32]))
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
    module: sys::CUmodule,
    functions: RefCell<HashMap<&'static str, sys::CUfunction>>,
}

impl Kernels {
    /// The kernels from the user's cache, else compiled and put there; with what is to be said of that, if anything.
    pub fn load(driver: &Driver, maps: Kind) -> Result<(Self, Option<String>)> {
        let (capability, mut note) = (driver.description.capability, None);
        let path = kept(maps, capability);
        if let Some(path) = &path
            && let Ok(code) = std::fs::read(path)
        {
            match Self::of(driver, code) {
                Ok(kernels) => return Ok((kernels, None)),
                Err(NO_ROOM) => return Err(driver.failed("loading the kernels", NO_ROOM)),
                Err(status) => note = Some(refused(driver, path, status)),
            }
        }
        let code = compile(maps, capability).map_err(Error::Msg)?;
        // What an emulated device takes for code is no machine code, and must not reach a real one.
        let to_keep = path.filter(|_| code.starts_with(MACHINE_CODE)).map(|path| (path, code.clone()));
        let kernels = Self::of(driver, code).map_err(|status| driver.failed("loading the kernels", status))?;
        if let Some((path, code)) = to_keep {
            // A cache that cannot be written costs seconds at the next start, no more.
            _ = cache::keep(&path, &code);
        }
        Ok((kernels, note))
    }

    /// Kernels of a device that does nothing.
    pub fn of_nothing(driver: &Driver) -> Self {
        Self { cuda: driver.cuda(), module: std::ptr::null_mut(), functions: RefCell::default() }
    }

    fn of(driver: &Driver, mut code: Vec<u8>) -> std::result::Result<Self, Status> {
        let (cuda, mut module) = (driver.cuda(), std::ptr::null_mut());
        code.push(0);
        // SAFETY: the compiler made it; text (of other drivers' compilers) ends with the zero added above.
        match unsafe { cuda.cuModuleLoadData(&raw mut module, code.as_ptr().cast()) } {
            0 => Ok(Self { cuda, module, functions: RefCell::default() }),
            status => Err(status),
        }
    }

    fn function(&self, driver: &Driver, name: &'static str) -> Result<sys::CUfunction> {
        if let Some(function) = self.functions.borrow().get(name) {
            return Ok(*function);
        }
        let text = CString::new(name).expect("names have no zero byte");
        let mut found = std::ptr::null_mut();
        // SAFETY: the module is loaded; the name ends with a zero byte.
        let status = unsafe { self.cuda.cuModuleGetFunction(&raw mut found, self.module, text.as_ptr()) };
        driver.checked(&format!("finding the kernel {name}"), status)?;
        self.functions.borrow_mut().insert(name, found);
        Ok(found)
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
        // SAFETY: it was loaded, and whoever launches holds `self`.
        unsafe { _ = self.cuda.cuModuleUnload(self.module) }
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
