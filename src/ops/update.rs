//! What the optimizer hands to the kernels that update parameters.

/// What an update does, as the kernels read it; the numbers of `Rule` on the CPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Update {
    /// 1 − β₁, β₂, 1 − β₂, ε, step size, correction, L2 penalty, shrink.
    Adam([f32; 8]),
    /// Learning rate, momentum, 1 for Nesterov's, L2 penalty.
    Sgd([f32; 4]),
}
