//! A convolution as the library's graphs have it: tensors, one operation on them, and what is done to its result before that is stored.

use super::descriptor::Descriptor;
use super::engines::{Planner, Target};
use super::{Name, Object, Type};
use crate::config::Precision;
use crate::cuda::library::CudnnLibrary;
use crate::cuda::problem::{Pass, Problem};
use candle_core::Result;
use cudarc::cudnn::sys;
use sys::cudnnPointwiseMode_t as Mode;

/// Which tensor is which in a graph.
pub const X: i64 = 1;
pub const WEIGHT: i64 = 2;
pub const Y: i64 = 3;
pub const BIAS: i64 = 4;
/// What one operation hands to the next.
const SUMS: i64 = 5;
const SHIFTED: i64 = 6;

impl Planner {
    /// The graph of one pass.
    pub fn graph(&self, pass: Pass, p: Problem) -> Result<Descriptor> {
        let x = self.tensor(X, [p.n, p.h, p.w, p.c])?;
        let weight = self.tensor(WEIGHT, [p.k, p.side, p.side, p.c])?;
        let size = [p.n, p.out(p.h), p.out(p.w), p.k];
        let y = self.tensor(Y, size)?;
        let convolution = |y: &Descriptor| {
            let names = operation(pass);
            Descriptor::new(self.library, names.object)?
                .with_object(names.x, &x)?
                .with_object(names.weight, &weight)?
                .with_object(names.y, y)?
                .with_object(names.how, &convolution(self.library, p)?)?
                .with(names.alpha, Type::CUDNN_TYPE_FLOAT, &[1f32])?
                .with(names.beta, Type::CUDNN_TYPE_FLOAT, &[0f32])?
                .finished()
        };
        let operations = match pass {
            Pass::Biased { relu } => {
                let sums = self.handed_on(SUMS, size)?;
                [vec![convolution(&sums)?], self.biased(&sums, &y, size, relu)?].into_iter().flatten().collect()
            }
            _ => vec![convolution(&y)?],
        };
        let graph = Descriptor::new(self.library, Object::CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)?
            .with_objects(Name::CUDNN_ATTR_OPERATIONGRAPH_OPS, &operations)?;
        match self.target {
            Target::Device(handle) => {
                graph.with(Name::CUDNN_ATTR_OPERATIONGRAPH_HANDLE, Type::CUDNN_TYPE_HANDLE, &[handle])?.finished()
            }
            Target::Properties(_) => graph.finished(),
        }
    }

    /// A bias added to sums, and the ReLU after it if there is one.
    fn biased(&self, sums: &Descriptor, y: &Descriptor, size: [usize; 4], relu: bool) -> Result<Vec<Descriptor>> {
        let bias = self.tensor(BIAS, [1, 1, 1, size[3]])?;
        let each = |mode, x, b, y| each(self.library, mode, x, b, y);
        if !relu {
            return Ok(vec![each(Mode::CUDNN_POINTWISE_ADD, sums, Some(&bias), y)?]);
        }
        let shifted = self.handed_on(SHIFTED, size)?;
        Ok(vec![
            each(Mode::CUDNN_POINTWISE_ADD, sums, Some(&bias), &shifted)?,
            each(Mode::CUDNN_POINTWISE_RELU_FWD, &shifted, None, y)?,
        ])
    }

    /// A tensor in memory, of the kind that maps have.
    fn tensor(&self, id: i64, dims: [usize; 4]) -> Result<Descriptor> {
        let kind = match self.precision {
            Precision::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
            _ => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
        };
        self.stored(id, dims, kind)?.finished()
    }

    /// A tensor that one operation hands to the next, in f32: it is never in memory.
    fn handed_on(&self, id: i64, dims: [usize; 4]) -> Result<Descriptor> {
        let tensor = self.stored(id, dims, sys::cudnnDataType_t::CUDNN_DATA_FLOAT)?;
        tensor.with(Name::CUDNN_ATTR_TENSOR_IS_VIRTUAL, Type::CUDNN_TYPE_BOOLEAN, &[true])?.finished()
    }

    /// A tensor stored as (n, h, w, c), which the library wants as (n, c, h, w) with strides.
    fn stored(&self, id: i64, dims: [usize; 4], kind: sys::cudnnDataType_t) -> Result<Descriptor> {
        let [n, h, w, c] = dims.map(|d| i64::try_from(d).expect("sizes of a network fit"));
        Descriptor::new(self.library, Object::CUDNN_BACKEND_TENSOR_DESCRIPTOR)?
            .with(Name::CUDNN_ATTR_TENSOR_DATA_TYPE, Type::CUDNN_TYPE_DATA_TYPE, &[kind])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_DIMENSIONS, &[n, c, h, w])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_STRIDES, &[h * w * c, 1, w * c, c])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_UNIQUE_ID, &[id])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, &[16])
    }
}

/// What is done to each number of x, or of x and b. A NaN passes a ReLU, as everywhere.
fn each(
    library: &'static CudnnLibrary,
    mode: Mode,
    x: &Descriptor,
    b: Option<&Descriptor>,
    y: &Descriptor,
) -> Result<Descriptor> {
    let passing = sys::cudnnNanPropagation_t::CUDNN_PROPAGATE_NAN;
    let how = Descriptor::new(library, Object::CUDNN_BACKEND_POINTWISE_DESCRIPTOR)?
        .with(Name::CUDNN_ATTR_POINTWISE_MODE, Type::CUDNN_TYPE_POINTWISE_MODE, &[mode])?
        .with(Name::CUDNN_ATTR_POINTWISE_MATH_PREC, Type::CUDNN_TYPE_DATA_TYPE, &[sys::cudnnDataType_t::CUDNN_DATA_FLOAT])?
        .with(Name::CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, Type::CUDNN_TYPE_NAN_PROPOGATION, &[passing])?
        .finished()?;
    let operation = Descriptor::new(library, Object::CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)?
        .with_object(Name::CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, &how)?
        .with_object(Name::CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)?
        .with_object(Name::CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y)?;
    match b {
        Some(b) => operation.with_object(Name::CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b)?.finished(),
        None => operation.finished(),
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
        Pass::Forward | Pass::Biased { .. } => Operation {
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
