//! What cuDNN would do on a device that is only described, on a machine without a GPU: its "deviceless ahead-of-time compilation", since
//! cuDNN 9.11. Graphs have no handle, heuristics and plans have the device's properties; engines are chosen as for training.

use super::descriptor::Descriptor;
use super::engines::{Planner, Target};
use super::{Name, Object, Type};
use crate::config::Precision;
use crate::cuda::library;
use crate::cuda::problem::Convolution;
use candle_core::{Error, Result};

/// A device by its properties, as cuDNN writes them.
#[derive(Debug, Clone, Copy)]
pub struct KnownDevice {
    /// For people.
    pub name: &'static str,
    /// JSON.
    pub properties: &'static str,
    /// In which it has no engines for most convolutions.
    pub lacks: &'static [Precision],
}

/// GPUs that people train on, by what NVIDIA publishes of them; a probe of a real one writes its own. A T4 has no arithmetic of bfloat16.
pub const DEVICES: &[KnownDevice] = &[
    KnownDevice { name: "T4", properties: include_str!("../devices/t4.json"), lacks: &[Precision::Bf16] },
    KnownDevice { name: "A100", properties: include_str!("../devices/a100.json"), lacks: &[] },
    KnownDevice { name: "H100", properties: include_str!("../devices/h100.json"), lacks: &[] },
    KnownDevice { name: "H200", properties: include_str!("../devices/h200.json"), lacks: &[] },
    KnownDevice { name: "B200", properties: include_str!("../devices/b200.json"), lacks: &[] },
];

/// What asks for engines of a device that is described.
pub struct Described {
    planner: Planner,
}

impl Described {
    /// A device by its properties; engines that are deterministic, in this precision.
    ///
    /// # Errors
    /// If cuDNN cannot be loaded, is older than 9.11, or takes the properties for no device's.
    pub fn new(properties: &str, precision: Precision) -> Result<Self> {
        let library = library::cudnn().map_err(Error::Msg)?;
        let name = Name::CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION;
        let device = Descriptor::new(library, Object::CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)
            .and_then(|device| device.with(name, Type::CUDNN_TYPE_CHAR, properties.as_bytes())?.finished())
            .map_err(|e| Error::Msg(format!("{}: {e}; this needs cuDNN 9.11 or later", library.name())))?;
        Ok(Self { planner: Planner { library, target: Target::Properties(device), precision, deterministic: true } })
    }

    /// `cuDNN 9.19.0`.
    pub fn library(&self) -> String {
        self.planner.library.name()
    }

    /// Bytes of workspace of the engine that training would take.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn workspace(&self, Convolution { pass, problem }: Convolution) -> std::result::Result<usize, String> {
        let found = self.planner.candidates(pass, problem);
        found.plans.first().map(|plan| plan.workspace).ok_or_else(|| found.why())
    }
}
