//! Which kernels serve on this machine, in words.

use super::blocked::conv3x3::Variant;
use super::conv3x3::method;
use crate::config::Precision;

/// Each operation with what computes it in a precision.
pub fn kernels(precision: Precision) -> Vec<(&'static str, String)> {
    let method = method(precision);
    let maps = if precision == Precision::Bf16 { "bf16" } else { "f32" };
    vec![
        ("feature maps", maps.to_owned()),
        ("3×3 convolution", filtering(method.forward).to_owned()),
        ("its gradients", filtering(method.gradients).to_owned()),
        ("3×3 of up to 4 channels", "plain sums".to_owned()),
        ("everything else", "f32 arithmetic".to_owned()),
    ]
}

fn filtering(variant: Variant) -> &'static str {
    match variant {
        Variant::F2 => "F(2×2, 3×3)",
        Variant::F4 => "F(4×4, 3×3)",
        Variant::F2Bf16 => "F(2×2, 3×3) in bf16",
    }
}
