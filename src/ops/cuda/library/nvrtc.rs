//! The run-time compiler's functions, as `nvrtc.h` of CUDA 13 declares them.

use super::table::{table, text};
use cudarc::nvrtc::sys::nvrtcProgram;
use std::ffi::{CStr, CString, c_char, c_int, c_uint};

/// What a function of the compiler answers: 0, or what went wrong.
type Status = c_uint;

table! {
    /// The run-time compiler.
    Nvrtc {
        fn nvrtcGetErrorString(status: Status) -> *const c_char;
        fn nvrtcCreateProgram(
            program: *mut nvrtcProgram,
            source: *const c_char,
            name: *const c_char,
            headers: c_int,
            texts: *const *const c_char,
            names: *const *const c_char,
        ) -> Status;
        fn nvrtcCompileProgram(program: nvrtcProgram, count: c_int, options: *const *const c_char) -> Status;
        fn nvrtcDestroyProgram(program: *mut nvrtcProgram) -> Status;
        fn nvrtcGetProgramLogSize(program: nvrtcProgram, bytes: *mut usize) -> Status;
        fn nvrtcGetProgramLog(program: nvrtcProgram, log: *mut c_char) -> Status;
        fn nvrtcGetCUBINSize(program: nvrtcProgram, bytes: *mut usize) -> Status;
        fn nvrtcGetCUBIN(program: nvrtcProgram, code: *mut c_char) -> Status;
    }
}

/// A source that is being compiled, destroyed when dropped.
struct Program<'a> {
    nvrtc: &'a Nvrtc,
    program: nvrtcProgram,
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: it was made by `Nvrtc::compile` and is destroyed once.
        unsafe { _ = self.nvrtc.nvrtcDestroyProgram(&raw mut self.program) }
    }
}

impl Nvrtc {
    /// Compiles a source without headers, and returns the machine code.
    ///
    /// # Errors
    /// What the compiler refuses, with its log.
    pub fn compile(&self, source: &CStr, name: &CStr, options: &[CString]) -> Result<Vec<u8>, String> {
        let mut program = Program { nvrtc: self, program: std::ptr::null_mut() };
        let none = std::ptr::null();
        // SAFETY: both texts end with a zero byte; there are no headers.
        let read = unsafe { self.nvrtcCreateProgram(&raw mut program.program, source.as_ptr(), name.as_ptr(), 0, none, none) };
        self.checked("reading the kernels", read)?;
        let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let count = c_int::try_from(options.len()).expect("options are few");
        // SAFETY: the program is alive, and so are as many options.
        let compiled = unsafe { self.nvrtcCompileProgram(program.program, count, options.as_ptr()) };
        self.checked("compiling the kernels", compiled).map_err(|why| format!("{why}\n{}", program.log()))?;
        program.code()
    }

    fn checked(&self, what: &str, status: Status) -> Result<(), String> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the compiler returns text of its own, whatever the number.
        let words = unsafe { text(self.nvrtcGetErrorString(status)) };
        Err(format!("CUDA's run-time compiler: {what} failed: {words}"))
    }
}

impl Program<'_> {
    /// What the compiler says of the source; empty where it says nothing.
    fn log(&self) -> String {
        let mut size = 0;
        // SAFETY: the program is alive, and there is room for as many bytes as the compiler names.
        let log = unsafe {
            self.nvrtc.nvrtcGetProgramLogSize(self.program, &raw mut size);
            let mut log = vec![0u8; size];
            self.nvrtc.nvrtcGetProgramLog(self.program, log.as_mut_ptr().cast());
            log
        };
        String::from_utf8_lossy(log.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
    }

    fn code(&self) -> Result<Vec<u8>, String> {
        let mut size = 0;
        // SAFETY: the program is alive.
        let asked = unsafe { self.nvrtc.nvrtcGetCUBINSize(self.program, &raw mut size) };
        self.nvrtc.checked("asking for the code", asked)?;
        let mut code = vec![0u8; size];
        // SAFETY: there is room for as many bytes as the compiler named.
        let asked = unsafe { self.nvrtc.nvrtcGetCUBIN(self.program, code.as_mut_ptr().cast()) };
        self.nvrtc.checked("asking for the code", asked)?;
        Ok(code)
    }
}
