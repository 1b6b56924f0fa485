//! Our own kernels: CUDA C++, compiled on the machine that runs them, for the GPU that it has.

use super::driver::{Driver, Grid, failed};
use super::library;
use super::memory::{Array, Kind};
use candle_core::{Error, Result, bail};
use cudarc::driver::{result, sys};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::path::PathBuf;

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
    use cudarc::nvrtc::{result as nvrtc, sys as raw};
    library::compiler()?;
    let source = CString::new(source(maps)).expect("sources have no zero byte");
    let said = |what: &str, e: nvrtc::NvrtcError| format!("CUDA's run-time compiler: {what} failed: {e:?}");
    let program = nvrtc::create_program(&source, Some(c"umlaut.cu")).map_err(|e| said("reading the kernels", e))?;
    // SAFETY: the program is alive until it is destroyed, once, below; lengths are those that the compiler names.
    unsafe {
        let options = [format!("--gpu-architecture=sm_{capability}"), "--std=c++17".to_owned()];
        let compiled = nvrtc::compile_program(program, &options).map_err(|e| {
            let log = nvrtc::get_program_log(program).unwrap_or_default();
            let log: Vec<u8> = log.into_iter().map(|c| u8::from_ne_bytes(c.to_ne_bytes())).take_while(|c| *c != 0).collect();
            format!("{}\n{}", said("compiling the kernels", e), String::from_utf8_lossy(&log))
        });
        let code = compiled.and_then(|()| {
            let mut size = 0;
            raw::nvrtcGetCUBINSize(program, &raw mut size).result().map_err(|e| said("asking for the code", e))?;
            let mut code = vec![0u8; size];
            raw::nvrtcGetCUBIN(program, code.as_mut_ptr().cast()).result().map_err(|e| said("asking for the code", e))?;
            Ok(code)
        });
        _ = nvrtc::destroy_program(program);
        code
    }
}

/// The code from the user's cache, else compiled and put there: compiling takes a second.
fn code(maps: Kind, capability: i32) -> Result<Vec<u8>> {
    let cached = cache().map(|dir| {
        let mut hash = blake3::Hasher::new();
        hash.update(source(maps).as_bytes()).update(&capability.to_le_bytes()).update(env!("CARGO_PKG_VERSION").as_bytes());
        dir.join(format!("{}.cubin", &hash.finalize().to_hex()[..32]))
    });
    // A file that is there is whole: it gets its name last.
    if let Some(code) = cached.as_ref().and_then(|path| std::fs::read(path).ok()) {
        return Ok(code);
    }
    let code = compile(maps, capability).map_err(Error::Msg)?;
    // What an emulated device takes for code is no machine code, and must not reach a real one.
    if let Some(path) = cached.filter(|_| code.starts_with(MACHINE_CODE)) {
        // A cache that cannot be written costs a second at the next start, no more.
        _ = keep(&path, &code);
    }
    Ok(code)
}

fn keep(path: &std::path::Path, code: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().expect("it is a file in the cache");
    std::fs::create_dir_all(dir)?;
    let mut builder = tempfile::Builder::new();
    // The umask says who may read it, as of every other file.
    crate::system::with_umask(&mut builder);
    let mut file = builder.tempfile_in(dir)?;
    std::io::Write::write_all(&mut file, code)?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

fn cache() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".cache")))?;
    Some(base.join("umlaut"))
}

/// The kernels for maps of one kind, loaded.
pub(super) struct Kernels {
    module: sys::CUmodule,
    functions: RefCell<HashMap<&'static str, sys::CUfunction>>,
}

impl Kernels {
    pub fn load(driver: &Driver, maps: Kind) -> Result<Self> {
        let mut code = code(maps, driver.description.capability)?;
        code.push(0);
        // SAFETY: the compiler made it; text (of other drivers' compilers) ends with the zero added above.
        let module = unsafe { result::module::load_data(code.as_ptr().cast()) }.map_err(|e| failed("loading the kernels", e))?;
        Ok(Self { module, functions: RefCell::default() })
    }

    fn function(&self, name: &'static str) -> Result<sys::CUfunction> {
        if let Some(function) = self.functions.borrow().get(name) {
            return Ok(*function);
        }
        let text = CString::new(name).expect("names have no zero byte");
        // SAFETY: the module is loaded.
        let found = unsafe { result::module::get_function(self.module, text) };
        let found = found.map_err(|e| failed(&format!("finding the kernel {name}"), e))?;
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
        unsafe { driver.launch(self.function(name)?, grid, &mut pointers, name) }
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        // SAFETY: it was loaded, and whoever launches holds `self`.
        unsafe { _ = result::module::unload(self.module) }
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
