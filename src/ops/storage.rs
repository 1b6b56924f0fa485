//! The door between tensors and kernels: a tensor's numbers as a slice, a kernel's output as a tensor.
//!
//! The only file of `ops` that knows on which device a tensor lies. Kernels see contiguous slices and nothing else; every loop
//! over them is cut at places that depend on shapes alone, so no result depends on the number of threads.

use super::blocked::simd::Element;
use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Result, Shape, Storage, StorageRef, Tensor, WithDType, bail};
use half::bf16;
use rayon::prelude::*;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, Range};

/// Elements of one task in loops that go element by element: 64 KiB.
pub(super) const CHUNK: usize = 1 << 14;

/// A type of numbers that tensors and kernels share.
pub(super) trait Stored: Element + WithDType {
    /// The numbers of a storage of this type.
    fn slice(storage: &CpuStorage) -> Option<&[Self]>;
    /// The same, to be changed.
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

macro_rules! stored {
    ($type:ty, $variant:ident) => {
        impl Stored for $type {
            fn slice(storage: &CpuStorage) -> Option<&[Self]> {
                if let CpuStorage::$variant(values) = storage { Some(values) } else { None }
            }
            fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                if let CpuStorage::$variant(values) = storage { Some(values) } else { None }
            }
        }
    };
}
stored!(f32, F32);
stored!(bf16, BF16);

/// Evaluates an expression with `$type` standing for what a tensor's numbers are stored as.
macro_rules! by_type {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            candle_core::DType::BF16 => {
                type $type = half::bf16;
                $body
            }
            _ => {
                type $type = f32;
                $body
            }
        }
    };
}
pub(super) use by_type;

/// The numbers of a contiguous tensor.
pub(super) struct Values<'a, E = f32> {
    storage: StorageRef<'a>,
    range: Range<usize>,
    element: PhantomData<E>,
}

impl<E: Stored> Deref for Values<'_, E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        match &*self.storage {
            Storage::Cpu(storage) => &E::slice(storage).expect("`values` lets nothing else pass")[self.range.clone()],
            _ => unreachable!("`values` lets nothing else pass"),
        }
    }
}

/// The numbers of `tensor`, which must be f32, contiguous and on the CPU.
pub(super) fn values(tensor: &Tensor) -> Result<Values<'_>> {
    values_of(tensor)
}

/// The numbers of `tensor`, which must be of type `E`, contiguous and on the CPU.
pub(super) fn values_of<E: Stored>(tensor: &Tensor) -> Result<Values<'_, E>> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("an operation needs a contiguous tensor, got strides {:?} for {:?}", layout.stride(), layout.shape())
    };
    match &*storage {
        Storage::Cpu(cpu) if E::slice(cpu).is_some() => Ok(Values { storage, range: start..end, element: PhantomData }),
        Storage::Cpu(_) => bail!("an operation needs {}, got {}", E::DTYPE.as_str(), tensor.dtype().as_str()),
        _ => bail!("no operation of this build runs on {:?}", tensor.device().location()),
    }
}

/// A tensor of a kernel's output.
pub(super) fn tensor<E: Stored>(values: Vec<E>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// A scalar.
pub(super) fn scalar(value: f64) -> Result<Tensor> {
    Tensor::new(value as f32, &Device::Cpu)
}

/// Changes the numbers of a tensor in place: everything that shares its storage changes too.
pub(super) fn change<E: Stored, R>(tensor: &Tensor, change: impl FnOnce(&mut [E]) -> R) -> Result<R> {
    struct Change<E, F, R>(Cell<Option<F>>, Cell<Option<R>>, PhantomData<E>);

    impl<E: Stored, R, F: FnOnce(&mut [E]) -> R> InplaceOp1 for Change<E, F, R> {
        fn name(&self) -> &'static str {
            "change in place"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            let (Some((start, end)), Some(change)) = (layout.contiguous_offsets(), self.0.take()) else {
                bail!("only a contiguous tensor can be changed in place")
            };
            let Some(values) = E::slice_mut(storage) else { bail!("only {} can be changed here", E::DTYPE.as_str()) };
            self.1.set(Some(change(&mut values[start..end])));
            Ok(())
        }
    }

    let op = Change(Cell::new(Some(change)), Cell::new(None), PhantomData::<E>);
    tensor.inplace_op1(&op)?;
    Ok(op.1.take().expect("the change was made"))
}

/// Adds `b` to `a` in place.
pub(super) fn add_to(a: &Tensor, b: &Tensor) -> Result<()> {
    if a.shape() != b.shape() || a.dtype() != b.dtype() {
        bail!("cannot add gradients of shapes {:?} and {:?}", a.shape(), b.shape())
    }
    match a.dtype() {
        DType::BF16 => add_values::<bf16>(a, b),
        _ => add_values::<f32>(a, b),
    }
}

fn add_values<E: Stored>(a: &Tensor, b: &Tensor) -> Result<()> {
    let b = values_of::<E>(b)?;
    change(a, |a: &mut [E]| {
        a.par_chunks_mut(CHUNK).zip(b.par_chunks(CHUNK)).for_each(|(a, b)| {
            for (a, b) in a.iter_mut().zip(b) {
                *a = E::of(a.wide() + b.wide());
            }
        });
    })
}
