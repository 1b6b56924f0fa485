//! What is known of a batch of runs in Slurm's queue, as plain data.

use serde::{Deserialize, Serialize};

/// What a batch is to do: all of batch.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The name of its jobs in Slurm; no other batch has it.
    pub name: String,
    /// Whether its runs are given a GPU.
    pub gpu: bool,
    /// Runs of each array task, one after the other. A run is known by its position among all of the batch.
    pub tasks: Vec<Vec<BatchRun>>,
}

/// A run of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRun {
    /// The name of its directory.
    pub run: String,
    /// Micro-batches that a batch of samples is split into.
    pub micro_batches: usize,
    /// The epoch that it is trained until, if that is not its last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<usize>,
}

impl Batch {
    /// The position of a task's first run.
    pub fn first(&self, task: usize) -> usize {
        self.tasks.iter().take(task).map(Vec::len).sum()
    }
}

/// An attempt at a task: Slurm starts it again after a requeue, and the process of the earlier attempt may still be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskAttempt {
    /// The task's index in its array.
    pub task: usize,
    /// The array's job number.
    pub job: String,
    /// How often Slurm has started the task before.
    pub restart: u32,
}

/// What a batch's directory holds at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Positions of the runs whose end is recorded.
    pub ends: Vec<usize>,
    /// Attempts that have begun.
    pub attempts: Vec<TaskAttempt>,
    /// Whether nothing of it may begin any more.
    pub void: bool,
}
