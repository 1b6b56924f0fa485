//! Our side of `volume_oracle.py`: volumes as the program reads them.
//!
//! `volume LIST OUT`: LIST has a line for each volume, `AXIS WINDOW PATH` with AXIS first, second or third and WINDOW none or file. OUT gets the values of all
//! slices one volume after the other, u8, u16 or f32; standard output has a line of JSON for each.

use serde_json::json;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use umlaut::config::Axis;
use umlaut::data::{SliceValues, Volume};

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [list, out] = &arguments[..] else { panic!("volume LIST OUT") };
    let mut out = BufWriter::new(File::create(out).expect("OUT can be written"));
    let (mut at, list) = (0, fs::read_to_string(list).expect("LIST can be read"));
    for line in list.lines() {
        let mut words = line.splitn(3, ' ');
        let [axis, window, path] = [(); 3].map(|()| words.next().expect("three words"));
        let axis = match axis {
            "first" => Axis::First,
            "second" => Axis::Second,
            _ => Axis::Third,
        };
        match read(Path::new(path), axis, window == "file") {
            Ok((mut told, bytes)) => {
                out.write_all(&bytes).expect("OUT can be written");
                told["at"] = at.into();
                println!("{told}");
                at += bytes.len();
            }
            Err(problem) => println!("{}", json!({ "error": problem })),
        }
    }
}

fn read(path: &Path, axis: Axis, window: bool) -> Result<(serde_json::Value, Vec<u8>), String> {
    let volume = Volume::open(path, axis)?;
    let volume = if window { volume.windowed()? } else { volume };
    let (mut bytes, mut kinds) = (Vec::new(), Vec::new());
    for index in 0..volume.slices {
        let slice = volume.slice(index)?;
        let (kind, values) = match slice.values {
            SliceValues::Bytes(values) => ("u1", values),
            SliceValues::Words(values) => ("<u2", values.into_iter().flat_map(u16::to_le_bytes).collect()),
            SliceValues::Floats(values) => ("<f4", values.into_iter().flat_map(f32::to_le_bytes).collect()),
        };
        kinds.push(kind);
        bytes.extend(values);
    }
    kinds.dedup();
    let shape = [volume.slices, volume.size[0], volume.size[1], volume.channels];
    let affine = volume.placement.map(|placement| placement.affine);
    Ok((
        json!({ "shape": shape, "kinds": kinds, "spacing": volume.spacing, "affine": affine, "inverted": volume.inverted }),
        bytes,
    ))
}
