//! Work that is recorded once and then replayed, as a CUDA graph.

use super::driver::Driver;
use super::library::Cuda;
use candle_core::Result;
use cudarc::driver::sys;

impl Driver {
    /// Records what `work` asks for instead of doing it.
    pub fn capture(&self, work: impl FnOnce() -> Result<()>) -> Result<Graph> {
        const WHAT: &str = "recording a graph";
        let (cuda, stream, mut graph) = (self.cuda(), self.stream(), std::ptr::null_mut());
        let mut recorded = Graph { cuda, executable: std::ptr::null_mut() };
        // Relaxed: memory may be allocated meanwhile, which is no work of the stream.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the stream lives as long as `self`; capture is ended whatever `work` does.
        self.checked(WHAT, unsafe { cuda.cuStreamBeginCapture_v2(stream, mode) })?;
        let done = work();
        // SAFETY: as above.
        let ended = unsafe { cuda.cuStreamEndCapture(stream, &raw mut graph) };
        done?;
        self.checked(WHAT, ended)?;
        // SAFETY: the graph was just recorded; nothing refers to it once it is instantiated.
        let (made, destroyed) =
            unsafe { (cuda.cuGraphInstantiateWithFlags(&raw mut recorded.executable, graph, 0), cuda.cuGraphDestroy(graph)) };
        self.checked(WHAT, made)?;
        self.checked(WHAT, destroyed)?;
        Ok(recorded)
    }

    /// Does what was recorded.
    pub fn replay(&self, graph: &Graph) -> Result<()> {
        // SAFETY: graph and stream are alive; the memory that the graph names is kept by its owner.
        self.checked("replaying a graph", unsafe { self.cuda().cuGraphLaunch(graph.executable, self.stream()) })
    }
}

/// Recorded work.
pub struct Graph {
    cuda: &'static Cuda,
    executable: sys::CUgraphExec,
}

impl Drop for Graph {
    fn drop(&mut self) {
        if !self.executable.is_null() {
            // SAFETY: it was made by `capture` and is not used any more.
            unsafe { _ = self.cuda.cuGraphExecDestroy(self.executable) }
        }
    }
}
