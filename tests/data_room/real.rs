//! Real data, where it is at hand: UMLAUT_ISBI2012 names a folder with images/ and labels/ of the ISBI 2012 challenge.

use crate::tree::names;
use std::time::Instant;
use umlaut::config::{Fit, Preprocess};
use umlaut::data::{fingerprint, open};

#[test]
fn isbi_2012_opens_cold_and_warm() {
    let Some(root) = std::env::var_os("UMLAUT_ISBI2012") else { return };
    let config = toml::from_str(&format!("[folders]\nroot = {root:?}\nmasks = 'labels'\nclasses = ['cell']")).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let size = Preprocess { size: [512, 512], fit: Fit::Pad, ..Preprocess::default() };
    let timed = |what: &str| {
        let start = Instant::now();
        let dataset = open(&config, &size, cache.path(), &|_, _| ()).unwrap();
        println!("{what}: {:?}", start.elapsed());
        dataset
    };
    let (cold, warm) = (timed("cold"), timed("warm"));
    println!("fingerprint: {}", fingerprint(&config).unwrap());
    assert_eq!(cold, warm);
    assert_eq!((names(&cold).len(), cold.channels), (30, 1));
    // Most of a slice is inside a cell; labels are 0 and 255 only.
    let inside: usize = cold.samples.iter().flat_map(|sample| &sample.mask).map(|v| usize::from(*v)).sum();
    let share = inside as f64 / (30 * 512 * 512) as f64;
    println!("share of cell: {share:.4}");
    assert!((0.7..0.85).contains(&share));
}
