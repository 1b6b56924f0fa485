//! What a convolution is: its sizes, its tensors, and which of them is computed.

use super::memory::Array;

/// Which of the three tensors of a convolution is computed from the other two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    Forward,
    /// The forward pass, to which a bias is added, and with `relu` what is below 0 is 0.
    Biased {
        relu: bool,
    },
    InputGradient,
    WeightGradient,
}

impl Pass {
    /// For messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Forward => "forward pass",
            Self::Biased { relu: false } => "forward pass with bias",
            Self::Biased { relu: true } => "forward pass with bias and ReLU",
            Self::InputGradient => "input gradient",
            Self::WeightGradient => "weight gradient",
        }
    }

    /// What is computed in its place where nothing computes it, and what it does besides is a pass of its own.
    pub fn bare(self) -> Self {
        if let Self::Biased { .. } = self { Self::Forward } else { self }
    }
}

/// The sizes of a convolution: x (n, h, w, c) and weight (k, side, side, c) to y (n, oh, ow, k).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Problem {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub k: usize,
    pub side: usize,
    pub pad: usize,
    pub stride: usize,
}

impl Problem {
    pub fn out(&self, side: usize) -> usize {
        (side + 2 * self.pad - self.side) / self.stride + 1
    }

    /// For messages: `3×3, (2, 56, 56, 64) to 64 channels`.
    pub fn words(&self) -> String {
        let Self { n, h, w, c, k, side, stride, .. } = self;
        let strided = if *stride > 1 { format!(" with stride {stride}") } else { String::new() };
        format!("{side}×{side}{strided}, ({n}, {h}, {w}, {c}) to {k} channels")
    }

    pub fn weights(&self) -> usize {
        self.k * self.side * self.side * self.c
    }
}

/// One pass of a convolution of some size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Convolution {
    pub(super) pass: Pass,
    pub(super) problem: Problem,
}

impl Convolution {
    /// For messages: `forward pass, 3×3, (2, 56, 56, 64) to 64 channels`.
    pub fn words(&self) -> String {
        format!("{}, {}", self.pass.words(), self.problem.words())
    }

    /// Whether it adds a bias, and what it is where that is a pass of its own.
    pub fn bare(&self) -> Option<Self> {
        let bare = self.pass.bare();
        (bare != self.pass).then_some(Self { pass: bare, ..*self })
    }

    /// Floating-point operations, two for each multiply-add; channels that only fill up are among them.
    pub fn flops(&self) -> u64 {
        let p = self.problem;
        2 * (p.n * p.out(p.h) * p.out(p.w) * p.weights()) as u64
    }
}

/// The three tensors, of which the one that the pass computes is written, and the bias that a pass may add.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensors<'a> {
    pub x: &'a Array,
    pub weight: &'a Array,
    pub y: &'a Array,
    /// A number for each channel of y, stored as maps are.
    pub bias: Option<&'a Array>,
}

/// What a user may do who is content with slow convolutions.
#[cfg(feature = "cudnn")]
pub(super) const WITHOUT_CUDNN: &str = "UMLAUT_CONVOLUTIONS=plain computes without cuDNN, many times slower";
