//! What a user sees of a bad experiment: every file of tests/config_bad has its snapshot beside it. Lines `# --set key=value`
//! at the top of a file stand for the command line.

use std::fs;
use std::path::{Path, PathBuf};
use umlaut::config;

fn bad_files() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/config_bad").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

fn sets(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map_while(|line| line.strip_prefix("# --set ")).map(str::to_owned).collect()
}

#[test]
fn every_mistake_is_shown_at_its_place() {
    insta::with_settings!({snapshot_path => "config_bad", prepend_module_to_snapshot => false, omit_expression => true}, {
        for path in bad_files() {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let problems = config::load(&path, &sets(&path)).expect_err(name);
            insta::assert_snapshot!(name, problems.to_string());
        }
    });
}
