//! cuDNN's objects, of which graphs, heuristics, engines and plans are made.

use super::{Name, Object, Type};
use crate::cuda::library::{CudnnLibrary, CudnnStatus};
use candle_core::{Error, Result};
use cudarc::cudnn::sys::cudnnBackendDescriptor_t;

/// What the library answered, as a result of tensors.
pub fn checked(library: &CudnnLibrary, what: &str, status: CudnnStatus) -> Result<()> {
    if status == 0 { Ok(()) } else { Err(Error::Msg(format!("cuDNN: {what} failed: {}", library.words(status)))) }
}

/// One of the library's objects, destroyed when dropped.
pub struct Descriptor {
    library: &'static CudnnLibrary,
    raw: cudnnBackendDescriptor_t,
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: it was made by `new` and is destroyed once.
        unsafe { _ = self.library.cudnnBackendDestroyDescriptor(self.raw) }
    }
}

impl Descriptor {
    pub fn new(library: &'static CudnnLibrary, object: Object) -> Result<Self> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: the library writes a pointer there.
        checked(library, "making an object", unsafe { library.cudnnBackendCreateDescriptor(object, &raw mut raw) })?;
        Ok(Self { library, raw })
    }

    pub fn raw(&self) -> cudnnBackendDescriptor_t {
        self.raw
    }

    /// Sets an attribute. `T` must be what the library wants for `kind`: the callers pair them.
    pub fn with<T>(self, name: Name, kind: Type, values: &[T]) -> Result<Self> {
        let count = i64::try_from(values.len()).expect("few");
        // SAFETY: `values` outlives the call, which copies them.
        let set = unsafe { self.library.cudnnBackendSetAttribute(self.raw, name, kind, count, values.as_ptr().cast()) };
        checked(self.library, &format!("setting {name:?}"), set)?;
        Ok(self)
    }

    pub fn with_numbers(self, name: Name, values: &[i64]) -> Result<Self> {
        self.with(name, Type::CUDNN_TYPE_INT64, values)
    }

    pub fn with_object(self, name: Name, object: &Self) -> Result<Self> {
        self.with(name, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &[object.raw])
    }

    pub fn with_objects(self, name: Name, objects: &[Self]) -> Result<Self> {
        let raw: Vec<_> = objects.iter().map(Self::raw).collect();
        self.with(name, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &raw)
    }

    pub fn finished(self) -> Result<Self> {
        // SAFETY: it is alive.
        checked(self.library, "finishing an object", unsafe { self.library.cudnnBackendFinalize(self.raw) })?;
        Ok(self)
    }

    /// Reads up to `values.len()` values of an attribute; how many there were.
    pub fn read<T>(&self, name: Name, kind: Type, values: &mut [T]) -> Result<usize> {
        let (room, mut count) = (i64::try_from(values.len()).expect("few"), 0i64);
        // SAFETY: the library writes no more than `room` values.
        let got = unsafe {
            self.library.cudnnBackendGetAttribute(self.raw, name, kind, room, &raw mut count, values.as_mut_ptr().cast())
        };
        checked(self.library, &format!("reading {name:?}"), got)?;
        Ok(usize::try_from(count).unwrap_or(0).min(values.len()))
    }

    /// Reads up to `most` objects of an attribute.
    pub fn objects(&self, name: Name, object: Object, most: usize) -> Result<Vec<Self>> {
        let mut made: Vec<Self> = (0..most).map(|_| Self::new(self.library, object)).collect::<Result<_>>()?;
        let mut raw: Vec<_> = made.iter().map(Self::raw).collect();
        made.truncate(self.read(name, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &mut raw)?);
        Ok(made)
    }
}
