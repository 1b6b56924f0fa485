//! cuDNN's functions, as `cudnn.h` and `cudnn_graph.h` of cuDNN 9 declare them.

use super::table::{table, text};
use cudarc::cudnn::sys::{
    cudaStream_t, cudnnBackendAttributeName_t, cudnnBackendAttributeType_t, cudnnBackendDescriptor_t,
    cudnnBackendDescriptorType_t, cudnnHandle_t,
};
use std::ffi::{c_char, c_uint, c_void};

/// What a function of the library answers: 0, or what went wrong. A plain number, since newer libraries have more of them.
pub type Status = c_uint;

table! {
    /// cuDNN.
    CudnnLibrary {
        fn cudnnGetVersion() -> usize;
        fn cudnnGetErrorString(status: Status) -> *const c_char;
        fn cudnnGetLastErrorString(words: *mut c_char, bytes: usize) -> ();
        fn cudnnCreate(handle: *mut cudnnHandle_t) -> Status;
        fn cudnnDestroy(handle: cudnnHandle_t) -> Status;
        fn cudnnSetStream(handle: cudnnHandle_t, stream: cudaStream_t) -> Status;
        fn cudnnBackendCreateDescriptor(kind: cudnnBackendDescriptorType_t, made: *mut cudnnBackendDescriptor_t) -> Status;
        fn cudnnBackendDestroyDescriptor(descriptor: cudnnBackendDescriptor_t) -> Status;
        fn cudnnBackendSetAttribute(
            descriptor: cudnnBackendDescriptor_t,
            name: cudnnBackendAttributeName_t,
            kind: cudnnBackendAttributeType_t,
            count: i64,
            values: *const c_void,
        ) -> Status;
        fn cudnnBackendGetAttribute(
            descriptor: cudnnBackendDescriptor_t,
            name: cudnnBackendAttributeName_t,
            kind: cudnnBackendAttributeType_t,
            room: i64,
            count: *mut i64,
            values: *mut c_void,
        ) -> Status;
        fn cudnnBackendFinalize(descriptor: cudnnBackendDescriptor_t) -> Status;
        fn cudnnBackendExecute(
            handle: cudnnHandle_t,
            plan: cudnnBackendDescriptor_t,
            pack: cudnnBackendDescriptor_t,
        ) -> Status;
    }
}

/// Bytes of the library's last words that are read.
const WORDS: usize = 4096;
/// Characters of them that are shown.
const SHOWN: usize = 600;

impl CudnnLibrary {
    /// `cuDNN 9.19.0`.
    pub fn name(&self) -> String {
        // SAFETY: it has no parameters.
        let version = unsafe { self.cudnnGetVersion() };
        format!("cuDNN {}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
    }

    /// What an answer means, with what the library says of the last error of this thread.
    pub fn words(&self, status: Status) -> String {
        // SAFETY: the library returns text of its own, whatever the number.
        let name = unsafe { text(self.cudnnGetErrorString(status)) };
        let name = if name.is_empty() { format!("error {status}") } else { name };
        self.last_error().map_or(name.clone(), |said| format!("{name}: {said}"))
    }

    /// What the library says of the last error of this thread, in one line; `None` where it says nothing.
    fn last_error(&self) -> Option<String> {
        let mut bytes = vec![0u8; WORDS];
        // SAFETY: it writes no more bytes than there are.
        unsafe { self.cudnnGetLastErrorString(bytes.as_mut_ptr().cast(), WORDS) };
        let text = String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next()?).into_owned();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then(|| words.chars().take(SHOWN).collect())
    }
}
