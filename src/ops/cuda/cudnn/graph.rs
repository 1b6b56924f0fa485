//! A convolution as the library's graphs have it: tensors and one operation on them.

use super::descriptor::Descriptor;
use super::engines::{Planner, Target};
use super::{Name, Object, Type};
use crate::config::Precision;
use crate::cuda::library::CudnnLibrary;
use crate::cuda::problem::{Pass, Problem};
use candle_core::Result;
use cudarc::cudnn::sys;

/// Which tensor is which in a graph.
pub const X: i64 = 1;
pub const WEIGHT: i64 = 2;
pub const Y: i64 = 3;

impl Planner {
    /// The graph of one pass.
    pub fn graph(&self, pass: Pass, p: Problem) -> Result<Descriptor> {
        let x = self.tensor(X, [p.n, p.h, p.w, p.c])?;
        let weight = self.tensor(WEIGHT, [p.k, p.side, p.side, p.c])?;
        let y = self.tensor(Y, [p.n, p.out(p.h), p.out(p.w), p.k])?;
        let names = operation(pass);
        let operation = Descriptor::new(self.library, names.object)?
            .with_object(names.x, &x)?
            .with_object(names.weight, &weight)?
            .with_object(names.y, &y)?
            .with_object(names.how, &convolution(self.library, p)?)?
            .with(names.alpha, Type::CUDNN_TYPE_FLOAT, &[1f32])?
            .with(names.beta, Type::CUDNN_TYPE_FLOAT, &[0f32])?
            .finished()?;
        let graph = Descriptor::new(self.library, Object::CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)?
            .with_object(Name::CUDNN_ATTR_OPERATIONGRAPH_OPS, &operation)?;
        match self.target {
            Target::Device(handle) => {
                graph.with(Name::CUDNN_ATTR_OPERATIONGRAPH_HANDLE, Type::CUDNN_TYPE_HANDLE, &[handle])?.finished()
            }
            Target::Properties(_) => graph.finished(),
        }
    }

    /// A tensor stored as (n, h, w, c), which the library wants as (n, c, h, w) with strides.
    fn tensor(&self, id: i64, dims: [usize; 4]) -> Result<Descriptor> {
        let [n, h, w, c] = dims.map(|d| i64::try_from(d).expect("sizes of a network fit"));
        let kind = match self.precision {
            Precision::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
            _ => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
        };
        Descriptor::new(self.library, Object::CUDNN_BACKEND_TENSOR_DESCRIPTOR)?
            .with(Name::CUDNN_ATTR_TENSOR_DATA_TYPE, Type::CUDNN_TYPE_DATA_TYPE, &[kind])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_DIMENSIONS, &[n, c, h, w])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_STRIDES, &[h * w * c, 1, w * c, c])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_UNIQUE_ID, &[id])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, &[16])?
            .finished()
    }
}

/// How a filter moves.
fn convolution(library: &'static CudnnLibrary, p: Problem) -> Result<Descriptor> {
    let both = |n: usize| [i64::try_from(n).expect("small"); 2];
    let float = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
    let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
    Descriptor::new(library, Object::CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, &[2])?
        .with(Name::CUDNN_ATTR_CONVOLUTION_COMP_TYPE, Type::CUDNN_TYPE_DATA_TYPE, &[float])?
        .with(Name::CUDNN_ATTR_CONVOLUTION_CONV_MODE, Type::CUDNN_TYPE_CONVOLUTION_MODE, &[mode])?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, &both(p.pad))?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, &both(p.pad))?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_DILATIONS, &both(1))?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, &both(p.stride))?
        .finished()
}

/// What the library calls an operation and its attributes.
struct Operation {
    object: Object,
    x: Name,
    weight: Name,
    y: Name,
    how: Name,
    alpha: Name,
    beta: Name,
}

fn operation(pass: Pass) -> Operation {
    match pass {
        Pass::Forward => Operation {
            object: Object::CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            x: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
            weight: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
            y: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
            how: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            alpha: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
            beta: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
        },
        Pass::InputGradient => Operation {
            object: Object::CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
            x: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
            weight: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
            y: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
            how: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
            alpha: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
            beta: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
        },
        Pass::WeightGradient => Operation {
            object: Object::CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
            x: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
            weight: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
            y: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
            how: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
            alpha: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
            beta: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
        },
    }
}
