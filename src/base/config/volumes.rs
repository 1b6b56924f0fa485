//! How volumes, NIfTI and DICOM, become slices.

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

/// Which window shows the values of a DICOM image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Windowing {
    /// The first of the file's own: from black to white by WindowCenter and WindowWidth.
    File,
}
