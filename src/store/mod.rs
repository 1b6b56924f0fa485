//! The only place that knows a file name below `results/`.
//!
//! Small files are replaced atomically (written beside, synced, renamed, the directory synced), rows are appended whole and flushed.
//! The directory of a run or an experiment is claimed by an exclusive lock, so nothing is done twice at a time. Checkpoints hold their own
//! hash, and outcome.toml those of the files that a finished run consists of. What the files mean is known elsewhere.

mod batch;
mod claim;
mod clean;
mod damage;
mod elsewhere;
mod error;
mod events;
mod experiment_dir;
mod file;
mod lr_search;
mod names;
mod report_files;
mod rows;
mod run_dir;
mod seal;
mod search_files;
mod slurm_dir;
mod stamp;
mod table;
mod take_over;
mod turn;
mod whole;

pub use batch::{Batch, BatchRun, Listing, TaskAttempt};
pub use claim::{Claim, Holder};
pub use clean::{Deletable, Spare};
pub use elsewhere::Elsewhere;
pub use error::{Error, NO_ROOM};
pub use events::{EventLog, Events};
pub use experiment_dir::{ExperimentDir, Results};
pub use file::{fitting, read_bytes, replace, write_atomic};
pub use lr_search::write_lr_search;
pub use report_files::ReportFiles;
pub use rows::MetricsWriter;
pub use run_dir::RunDir;
pub use seal::{Seal, sealed, unsealed};
pub use search_files::{HistoryWriter, SearchDir, history_line};
pub use slurm_dir::{AttemptClaim, BatchDir};
pub use stamp::Stamp;
pub use turn::Turn;
pub use whole::{BestWeights, Unfit};
