//! The program as somebody meets it who has just installed it: examples that come along, how much it says, completions and man pages.

mod examples;
mod shells;
mod volume;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// An experiment that takes a moment.
const TINY: &str = "name = 'tiny'
dataset.synthetic = { count = 12, size = [32, 32] }
preprocess.size = [16, 16]
split.fractions = { train = 0.5, val = 0.25, test = 0.25 }
model.unet.channels = [4, 8]
training = { epochs = 2, batch_size = 4 }
";

/// The program in a directory, with nobody's settings and no GPU.
fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", dir.join("settings")).env("CUDA_VISIBLE_DEVICES", "");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

/// What a command writes to standard output and standard error; it must end with this code.
fn ends_with(command: &mut Command, code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(status.code(), Some(code), "{command:?}: {out}{err}");
    (out, err)
}
