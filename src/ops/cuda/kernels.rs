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
    use cudarc::nvrtc::{result as nvrtc, sys as raw};
    library::compiler()?;
    let source = CString::new(source(program, maps)).expect("sources have no zero byte");
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

/// A program's code from the user's cache, else compiled and put there: compiling takes a second.
fn code(program: &[&str], maps: Kind, capability: i32) -> Result<Vec<u8>> {
    let cached = cache().map(|dir| {
        let mut hash = blake3::Hasher::new();
        hash.update(source(program, maps).as_bytes())
            .update(&capability.to_le_bytes())
            .update(env!("CARGO_PKG_VERSION").as_bytes());
        dir.join(format!("{}.cubin", &hash.finalize().to_hex()[..32]))
    });
    // A file that is there is whole: it gets its name last.
    if let Some(code) = cached.as_ref().and_then(|path| std::fs::read(path).ok()) {
        return Ok(code);
    }
    let code = compile_program(program, maps, capability).map_err(Error::Msg)?;
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
    modules: Vec<sys::CUmodule>,
    functions: RefCell<HashMap<&'static str, sys::CUfunction>>,
}

impl Kernels {
    pub fn load(driver: &Driver, maps: Kind) -> Result<Self> {
        let capability = driver.description.capability;
        let mut kernels = Self { modules: Vec::new(), functions: RefCell::default() };
        for mut code in of_each(|program| code(program, maps, capability))? {
            code.push(0);
            // SAFETY: the compiler made it; text (of other drivers' compilers) ends with the zero added above.
            let module = unsafe { result::module::load_data(code.as_ptr().cast()) };
            kernels.modules.push(module.map_err(|e| failed("loading the kernels", e))?);
        }
        Ok(kernels)
    }

    fn function(&self, name: &'static str) -> Result<sys::CUfunction> {
        if let Some(function) = self.functions.borrow().get(name) {
            return Ok(*function);
        }
        let text = CString::new(name).expect("names have no zero byte");
        for module in &self.modules {
            // SAFETY: the module is loaded.
            match unsafe { result::module::get_function(*module, text.clone()) } {
                Ok(found) => {
                    self.functions.borrow_mut().insert(name, found);
                    return Ok(found);
                }
                Err(e) if e.0 == sys::CUresult::CUDA_ERROR_NOT_FOUND => {}
                Err(e) => return Err(failed(&format!("finding the kernel {name}"), e)),
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
        unsafe { driver.launch(self.function(name)?, grid, &mut pointers, name) }
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        // SAFETY: they were loaded, and whoever launches holds `self`.
        self.modules.iter().for_each(|module| unsafe { _ = result::module::unload(*module) });
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
