//! Files of a data set are hashed once, and hashed again when they have changed.

use super::desk::{Desk, TINY, expect_code};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The experiment on a folder of images that were written an hour ago: such of this moment are not written down.
fn desk() -> Desk {
    let desk =
        Desk::with(&TINY.replace("[dataset.synthetic]\ncount = 12\nsize = [32, 32]", "[dataset.folders]\nroot = \"eyes\""));
    desk.folder("eyes", 1, |number| format!("{number:02}"));
    for folder in ["images", "masks"] {
        fs::read_dir(desk.path("eyes").join(folder)).unwrap().for_each(|entry| an_hour_ago(&entry.unwrap().path()));
    }
    desk
}

fn an_hour_ago(path: &Path) {
    let time = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn image(desk: &Desk, name: &str) -> PathBuf {
    desk.path("eyes/images").join(name)
}

fn table(desk: &Desk) -> PathBuf {
    desk.path("results/.cache/hashes")
}

/// Ids of the planned runs.
fn ids(desk: &Desk) -> Vec<String> {
    let csv = desk.said(&["plan", "x.toml", "--csv"]);
    csv.lines().skip(1).map(|row| row.split(',').next().unwrap().to_owned()).collect()
}

/// Gives the first two images each other's hash, in a table that is whole.
fn swap(desk: &Desk) {
    let text = fs::read_to_string(table(desk)).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let hash = |name: &str| rows.lines().find(|row| row.contains(&format!("images/{name}"))).unwrap()[..64].to_owned();
    let (a, b) = (hash("00.png"), hash("01.png"));
    let rows = rows.replace(&a, "<a>").replace(&b, &a).replace("<a>", &b);
    let header = header.rsplit_once(' ').unwrap().0;
    fs::write(table(desk), format!("{header} {}\n{rows}", blake3::hash(rows.as_bytes()).to_hex())).unwrap();
}

#[test]
fn known_hashes_are_believed_by_every_command_and_every_run_and_a_damaged_table_is_not() {
    let desk = desk();
    let true_ids = ids(&desk);
    assert!(!desk.path("results").exists(), "a plan writes nothing");
    expect_code(&desk.umlaut(&["run", "x.toml", "--device", "cpu"]), 0);
    assert_eq!(ids(&desk), true_ids);
    let whole = fs::read(table(&desk)).unwrap();

    // Whoever hashed the files would see that the table lies.
    swap(&desk);
    let swapped = ids(&desk);
    assert!(swapped.iter().all(|id| !true_ids.contains(id)), "{swapped:?}");
    expect_code(&desk.umlaut(&["run", "x.toml", "--device", "cpu"]), 0);
    let prints = |ids: &[String]| -> Vec<String> {
        let read = |id: &String| {
            let text = fs::read_to_string(desk.path("results/tiny/runs").join(id).join("provenance.toml")).unwrap();
            text.lines().find(|line| line.starts_with("dataset_fingerprint")).unwrap().to_owned()
        };
        ids.iter().map(read).collect()
    };
    let (of_truth, of_swapped) = (prints(&true_ids), prints(&swapped));
    assert!(of_swapped.iter().all(|print| *print == of_swapped[0]) && of_swapped[0] != of_truth[0], "{of_swapped:?}");

    let mut torn = fs::read(table(&desk)).unwrap();
    torn.pop();
    fs::write(table(&desk), torn).unwrap();
    assert_eq!(ids(&desk), true_ids, "what is not whole is not believed");
    assert_eq!(fs::read(table(&desk)).unwrap(), whole, "and is written anew");
    fs::remove_dir_all(desk.path("results/.cache")).unwrap();
    assert_eq!(ids(&desk), true_ids, "the cache may go at any time");
}

#[test]
fn a_changed_file_is_noticed_even_where_length_and_time_are_those_of_before() {
    let desk = desk();
    expect_code(&desk.umlaut(&["run", "x.toml", "--device", "cpu"]), 0);
    let before = ids(&desk);
    let file = image(&desk, "00.png");
    let (bytes, modified) = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap());
    // The last bytes of a PNG are the checksum of its end, which decides no pixel.
    let changed: Vec<u8> = bytes.iter().copied().take(bytes.len() - 1).chain([bytes[bytes.len() - 1] ^ 1]).collect();
    fs::write(&file, &changed).unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    assert_ne!(ids(&desk), before);

    // Another file in its place, as `mv` puts it there.
    fs::write(image(&desk, "new"), &bytes).unwrap();
    File::options().write(true).open(image(&desk, "new")).unwrap().set_modified(modified).unwrap();
    fs::rename(image(&desk, "new"), &file).unwrap();
    assert_eq!(ids(&desk), before);
}
