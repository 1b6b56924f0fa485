//! Our side of `annotation_oracle.py`: masks as the program draws them from outlines, through the door that training uses.
//!
//! `annotate LIST OUT`: LIST has a line of JSON for each data set, `{"dataset": {...}, "size": [height, width]}`, whose images all have that size. OUT gets
//! its masks one after the other, a byte a pixel, classes · height · width of each sample by name; standard output has a line of JSON for each.

use serde::Deserialize;
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use umlaut::config::{Dataset, Preprocess};
use umlaut::data::open;

#[derive(Deserialize)]
struct Line {
    dataset: Dataset,
    size: [usize; 2],
}

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [list, out] = &arguments[..] else { panic!("annotate LIST OUT") };
    let mut out = BufWriter::new(File::create(out).expect("OUT can be written"));
    for line in fs::read_to_string(list).expect("LIST can be read").lines() {
        let Line { dataset, size } = serde_json::from_str(line).expect("a line of JSON");
        let preprocess = Preprocess { size, ..Preprocess::default() };
        match open(&dataset, &preprocess, Path::new("/dev/null/none"), &|_, _| ()) {
            Ok(data) => {
                let names: Vec<&str> = data.samples.iter().map(|sample| sample.name.as_str()).collect();
                println!("{}", json!({ "names": names, "classes": data.classes }));
                data.samples.iter().for_each(|sample| out.write_all(&sample.mask).expect("OUT can be written"));
            }
            Err(problem) => println!("{}", json!({ "error": problem.to_string() })),
        }
    }
}
