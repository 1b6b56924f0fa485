//! What computes convolutions: cuDNN, or the plain sums of `convolve.cu`.

use super::driver::{Driver, Grid, THREADS};
use super::kernels::ints;
#[cfg(feature = "cudnn")]
use super::problem::WITHOUT_CUDNN;
use super::problem::{Convolution, Pass, Problem, Tensors};
use super::{Gpu, Kind};
use crate::config::Precision;
use candle_core::{Error, Result};
use std::cell::RefCell;
use std::rc::Rc;

/// What computes convolutions.
pub(super) enum Convolutions {
    /// NVIDIA's library.
    #[cfg(feature = "cudnn")]
    Cudnn(Box<super::cudnn::Cudnn>),
    /// The plain sums of `convolve.cu`, and why.
    Plain(String),
    /// Nothing: they are written down.
    Listed(RefCell<Vec<Convolution>>),
}

/// Chooses what computes convolutions: `cudnn` (that there is none is an error), or `plain`; absent, cuDNN where it is.
pub const CHOICE: &str = "UMLAUT_CONVOLUTIONS";

/// What is asked for by the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Best,
    Cudnn,
    Plain,
}

fn choice() -> std::result::Result<Choice, String> {
    match std::env::var_os(CHOICE).unwrap_or_default().to_string_lossy().as_ref() {
        "" => Ok(Choice::Best),
        "cudnn" => Ok(Choice::Cudnn),
        "plain" => Ok(Choice::Plain),
        other => Err(format!("{CHOICE}={other}: use cudnn or plain, or leave it unset")),
    }
}

/// Whether convolutions can be computed as the environment asks.
///
/// # Errors
/// Why not, with a remedy.
pub(super) fn ready() -> std::result::Result<(), String> {
    match choice()? {
        Choice::Plain => Ok(()),
        choice => fast_ready(choice == Choice::Cudnn).map(|_| ()),
    }
}

/// Why cuDNN is not there, if that is no error: nobody asked for it by name, and none lies where it is searched.
#[cfg(feature = "cudnn")]
fn fast_ready(must: bool) -> std::result::Result<Option<String>, String> {
    match super::library::cudnn() {
        Ok(_) => Ok(None),
        Err(why) if must => Err(format!("{CHOICE}=cudnn: {why}")),
        Err(why) if super::library::has_cudnn() => Err(format!("{why}; {WITHOUT_CUDNN}")),
        Err(why) => Ok(Some(why)),
    }
}

#[cfg(not(feature = "cudnn"))]
fn fast_ready(must: bool) -> std::result::Result<Option<String>, String> {
    let why = "this program was built without cuDNN";
    if must { Err(format!("{CHOICE}=cudnn: {why}")) } else { Ok(Some(why.into())) }
}

impl Convolutions {
    /// What the environment asks for; `Plain` with a reason where cuDNN is not there.
    pub fn new(driver: &Rc<Driver>, precision: Precision, deterministic: bool) -> Result<Self> {
        let choice = choice().map_err(Error::Msg)?;
        if choice == Choice::Plain {
            return Ok(Self::Plain(format!("{CHOICE}=plain")));
        }
        match fast_ready(choice == Choice::Cudnn).map_err(Error::Msg)? {
            Some(why) => Ok(Self::Plain(why)),
            None => Self::cudnn(driver, precision, deterministic),
        }
    }

    #[cfg(feature = "cudnn")]
    fn cudnn(driver: &Rc<Driver>, precision: Precision, deterministic: bool) -> Result<Self> {
        let cudnn = super::cudnn::Cudnn::new(driver, precision, deterministic);
        Ok(Self::Cudnn(Box::new(cudnn.map_err(|e| Error::Msg(format!("{e}; {WITHOUT_CUDNN}")))?)))
    }

    #[cfg(not(feature = "cudnn"))]
    fn cudnn(_: &Rc<Driver>, _: Precision, _: bool) -> Result<Self> {
        unreachable!("it is never ready")
    }

    pub fn name(&self) -> String {
        match self {
            #[cfg(feature = "cudnn")]
            Self::Cudnn(cudnn) => cudnn.name(),
            Self::Plain(why) => format!("plain sums, many times slower than cuDNN ({why})"),
            Self::Listed(_) => "nothing, a list is made of them".to_owned(),
        }
    }

    /// What is to be said where cuDNN is not there and nobody asked for plain sums.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Plain(why) if choice() == Ok(Choice::Best) => {
                Some(format!("convolutions are plain sums, many times slower than cuDNN: {why}"))
            }
            _ => None,
        }
    }
}

impl Gpu {
    /// Whether a pass can be computed, of those that can be done without.
    pub(super) fn serves(&self, pass: Pass, problem: Problem) -> bool {
        match &self.convolutions {
            #[cfg(feature = "cudnn")]
            Convolutions::Cudnn(cudnn) => cudnn.serves(pass, problem),
            Convolutions::Plain(_) | Convolutions::Listed(_) => true,
        }
    }

    /// One pass of a convolution.
    pub(super) fn convolve(&self, pass: Pass, problem: Problem, tensors: Tensors) -> Result<()> {
        match &self.convolutions {
            #[cfg(feature = "cudnn")]
            Convolutions::Cudnn(cudnn) => cudnn.run(self, pass, problem, tensors),
            Convolutions::Plain(_) => self.convolve_plainly(pass, problem, tensors),
            Convolutions::Listed(list) => {
                list.borrow_mut().push(Convolution { pass, problem });
                Ok(())
            }
        }
    }

    fn convolve_plainly(&self, pass: Pass, p: Problem, Tensors { x, weight, y, bias }: Tensors) -> Result<()> {
        let (oh, ow) = (p.out(p.h), p.out(p.w));
        let sizes = ints(&[p.n, p.h, p.w, p.c, p.k, p.side, p.side, p.pad, p.stride, oh, ow]);
        match pass {
            Pass::Forward | Pass::Biased { .. } => {
                let relu = pass == Pass::Biased { relu: true };
                let arguments = [x.into(), weight.into(), bias.into(), relu.into(), y.into(), sizes];
                self.launch("conv_forward", Grid::over(y.len()), &arguments)
            }
            Pass::InputGradient => {
                let grid = Grid::over(x.len() / super::CHANNELS);
                self.launch("conv_input_gradient", grid, &[y.into(), weight.into(), x.into(), sizes])
            }
            Pass::WeightGradient => {
                let (count, lines) = (p.weights(), p.n * oh);
                let parts = (1_usize << 22).div_ceil(count).min(lines).clamp(1, 64);
                let partial = self.array(Kind::F32, parts * count)?;
                let over = Grid::over(count / super::CHANNELS).blocks[0];
                let grid = Grid { blocks: [over, u32::try_from(parts).expect("at most 64"), 1], threads: THREADS };
                self.launch("conv_weight_gradient", grid, &[x.into(), y.into(), (&partial).into(), sizes])?;
                let sum = [(&partial).into(), parts.into(), super::kernels::long(count), weight.into()];
                self.launch("conv_weight_finish", Grid::over(count), &sum)
            }
        }
    }
}
