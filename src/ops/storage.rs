//! The door between tensors and kernels: a tensor's numbers as a slice, a kernel's output as a tensor.
//!
//! The only file of `ops` that knows on which device a tensor lies. Kernels see contiguous f32 slices and nothing else; every
//! loop over them is cut at places that depend on shapes alone, so no result depends on the number of threads.

use candle_core::{CpuStorage, Device, Result, Shape, Storage, StorageRef, Tensor, bail};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::{Deref, Range};

/// Elements of one task in loops that go element by element: 64 KiB.
pub(super) const CHUNK: usize = 1 << 14;

/// The numbers of a contiguous f32 tensor.
pub(super) struct Values<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => unreachable!("`values` lets nothing else pass"),
        }
    }
}

/// The numbers of `tensor`, which must be f32, contiguous and on the CPU.
pub(super) fn values(tensor: &Tensor) -> Result<Values<'_>> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("an operation needs a contiguous tensor, got strides {:?} for {:?}", layout.stride(), layout.shape())
    };
    match &*storage {
        Storage::Cpu(CpuStorage::F32(_)) => Ok(Values { storage, range: start..end }),
        Storage::Cpu(_) => bail!("an operation needs f32, got {:?}", tensor.dtype()),
        _ => bail!("no operation of this build runs on {:?}", tensor.device().location()),
    }
}

/// A tensor of a kernel's output.
pub(super) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// A scalar.
pub(super) fn scalar(value: f64) -> Result<Tensor> {
    Tensor::new(value as f32, &Device::Cpu)
}

/// `f` of each pair of elements.
pub(super) fn zip(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) -> Vec<f32> {
    let mut out = vec![0.0; a.len()];
    out.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK)).zip(b.par_chunks(CHUNK)).for_each(|((out, a), b)| {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = f(*a, *b);
        }
    });
    out
}

/// `f` of each element.
pub(super) fn map(x: &[f32], f: impl Fn(f32) -> f32 + Sync) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        for (out, x) in out.iter_mut().zip(x) {
            *out = f(*x);
        }
    });
    out
}

/// Output that tasks write in parallel, each its own elements, where these are no contiguous slice.
pub(super) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer is only reached through `slice` and `Shared::at`, whose callers promise disjoint elements.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(super) fn new(values: &'a mut [f32]) -> Self {
        Self { start: values.as_mut_ptr(), len: values.len(), lifetime: PhantomData }
    }

    /// # Safety
    /// No two tasks may hold overlapping slices at the same time.
    #[expect(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub(super) unsafe fn slice(&self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len, "a task writes outside its output");
        // SAFETY: in bounds as asserted, disjoint by the caller's promise, alive for 'a.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// The element at `offset`, from which `reach` elements may be written.
    pub(super) fn at(&self, offset: usize, reach: usize) -> *mut f32 {
        assert!(offset + reach <= self.len, "a task writes outside its output");
        self.start.wrapping_add(offset)
    }
}
