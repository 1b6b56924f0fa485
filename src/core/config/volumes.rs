//! Volumes of slices: NIfTI and DICOM.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The voxel axis that volumes are cut along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Slices are `[k, :, :].T`.
    First,
    /// Slices are `[:, k, :].T`.
    Second,
    /// Slices are `[:, :, k].T`: as files mostly store them.
    #[default]
    Third,
}
