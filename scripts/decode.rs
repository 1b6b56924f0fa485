//! Our side of `decode_survey.py`: files as the program decodes them, through the doors that training and `predict` use.
//!
//! `decode LIST OUT`: LIST has a line for each file, `image PATH`, `numbers PATH` or `mask IMAGE-FOLDER MASK-FOLDER CLASSES` (folders of one file each, indexed). OUT gets
//! the values one file after the other, f32 of an image's planes (of `numbers` as the file has them) or u8 of a mask's class numbers; standard output has a line of JSON for each.

use serde_json::json;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use umlaut::config::{Dataset, Preprocess};
use umlaut::data::{Cut, Photo, open, photos};

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [list, out] = &arguments[..] else { panic!("decode LIST OUT") };
    let mut out = BufWriter::new(File::create(out).expect("OUT can be written"));
    let (mut at, list) = (0, fs::read_to_string(list).expect("LIST can be read"));
    for line in list.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let decoded = match words[..] {
            ["image", path] => image(Path::new(path), |photo| photo.planes(&Preprocess::default(), photo.channels)),
            ["numbers", path] => image(Path::new(path), |photo| Ok(photo.numbers())),
            ["mask", images, masks, classes] => mask(images, masks, classes.parse().expect("a number")),
            _ => panic!("no line of a list: {line}"),
        };
        match decoded {
            Ok((shape, bytes)) => {
                out.write_all(&bytes).expect("OUT can be written");
                println!("{}", json!({ "shape": shape, "at": at }));
                at += bytes.len();
            }
            Err(problem) => println!("{}", json!({ "error": problem })),
        }
    }
}

/// All pictures of a file, channels · height · width each.
fn image(path: &Path, values: impl Fn(&Photo) -> Result<Vec<f32>, String>) -> Result<(Vec<usize>, Vec<u8>), String> {
    let places = photos(&[path.to_owned()], Cut::default()).map_err(|e| e.to_string())?;
    let mut shape = vec![places.len()];
    let mut bytes = Vec::new();
    for place in &places {
        let photo = Photo::read(place, 0)?;
        shape = vec![places.len(), photo.channels, photo.size[0], photo.size[1]];
        bytes.extend(values(&photo)?.into_iter().flat_map(f32::to_le_bytes));
    }
    Ok((shape, bytes))
}

/// Class numbers, height · width.
fn mask(images: &str, masks: &str, classes: usize) -> Result<(Vec<usize>, Vec<u8>), String> {
    let names: Vec<String> = (1..=classes).map(|k| format!("c{k}")).collect();
    let keys =
        format!("[folders]\nroot = '.'\nimages = '{images}'\nmasks = '{masks}'\nmask_values = 'indexed'\nclasses = {names:?}");
    let config: Dataset = toml::from_str(&keys).map_err(|e| e.to_string())?;
    let image = photos(&[PathBuf::from(images)], Cut::default()).map_err(|e| e.to_string())?;
    let size = Photo::read(&image[0], 0)?.size;
    let preprocess = Preprocess { size, ..Preprocess::default() };
    let data = open(&config, &preprocess, Path::new("/dev/null/none"), &|_, _| ()).map_err(|e| e.to_string())?;
    let mut numbers = vec![0; size[0] * size[1]];
    for (class, plane) in data.samples[0].mask.chunks_exact(size[0] * size[1]).enumerate() {
        numbers.iter_mut().zip(plane).filter(|(_, marked)| **marked == 1).for_each(|(number, _)| *number = class as u8 + 1);
    }
    Ok((size.to_vec(), numbers))
}
