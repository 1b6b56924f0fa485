//! Where one run at a time can execute.

/// A place where one run at a time can execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// Threads that a run has there, 1 or more.
    pub threads: usize,
    /// What `CUDA_VISIBLE_DEVICES` of a run there is, so that it sees this GPU alone; `None` for the CPU.
    pub gpu: Option<String>,
    /// Whether runs start there only as far as the GPU's free memory goes.
    pub measured: bool,
}
