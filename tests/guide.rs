//! README and guide: what they show works, and where they point to is there.

use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use umlaut::guide::PAGES;

/// What fragments of experiments are laid under.
const BASE: &str = "name = \"fragment\"\n[dataset.synthetic]\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document, by its path.
fn documents() -> Vec<(PathBuf, String)> {
    let guide = fs::read_dir(root().join("src/guide")).unwrap().map(|entry| entry.unwrap().path());
    let others = ["README.md", "ARCHITECTURE.md", "src/report/inference/statistics.md"].map(|name| root().join(name));
    let pages = guide.filter(|path| path.extension().is_some_and(|e| e == "md")).chain(others);
    pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The code blocks of a language, without the indentation of a list.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = Regex::new(&format!(r"(?ms)^( *)```{language}\n(.*?)^ *```$")).unwrap();
    let of = |found: regex::Captures| {
        let strip = |line: &str| line.strip_prefix(&found[1]).unwrap_or(line).to_owned();
        found[2].lines().map(strip).collect::<Vec<_>>().join("\n") + "\n"
    };
    fence.captures_iter(text).map(of).collect()
}

/// The arguments of the commands of this program in a document.
fn commands(text: &str) -> Vec<Vec<String>> {
    let shell = blocks(text, "sh").concat();
    let shown = blocks(text, "text").concat();
    let prompts = shown.lines().filter_map(|line| line.strip_prefix("$ "));
    let lines = shell
        .lines()
        .chain(prompts)
        .map(|line| [" #", " > "].iter().fold(line, |line, end| line.split(end).next().unwrap_or_default()).trim());
    let own = lines.filter_map(|line| line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("umlaut ")));
    own.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn umlaut(dir: &Path, arguments: &[String]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", dir.join("settings")).env("CUDA_VISIBLE_DEVICES", "");
    command.output().expect("the program starts")
}

fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

#[test]
fn every_page_is_shown_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    for page in PAGES {
        let output = umlaut(dir.path(), &["help".into(), page.name.into()]);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        assert!(!page.title().is_empty() && words(&output).contains(page.title()), "{}", page.name);
    }
    let all = words(&umlaut(dir.path(), &["help".into()]));
    assert!(PAGES.iter().all(|page| all.contains(&format!("  {} ", page.name))), "{all}");
    let listed =
        fs::read_dir(root().join("src/guide")).unwrap().filter(|e| e.as_ref().unwrap().path().extension().unwrap() == "md");
    let own = PAGES.iter().filter(|page| !["statistics", "calibration"].contains(&page.name));
    assert_eq!(listed.count(), own.count(), "a page of src/guide is not in PAGES");
}

#[test]
fn an_unknown_topic_names_the_nearest() {
    let dir = tempfile::tempdir().unwrap();
    let output = umlaut(dir.path(), &["help".into(), "swepes".into()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("did you mean `sweeps`?"), "{}", words(&output));
}

#[test]
fn the_readme_is_short() {
    assert!(fs::read_to_string(root().join("README.md")).unwrap().lines().count() <= 150);
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r#"(?:\]\(|src=")([^)#"\s]+)"#).unwrap();
    let topic = Regex::new(r"`umlaut help ([a-z-]+)`").unwrap();
    for (path, text) in documents() {
        for found in link.captures_iter(&text).filter(|found| !found[1].starts_with("http")) {
            assert!(path.parent().unwrap().join(&found[1]).exists(), "{}: {}", path.display(), &found[1]);
        }
        for found in topic.captures_iter(&text) {
            assert!(PAGES.iter().any(|page| page.name == &found[1]), "{}: {}", path.display(), &found[0]);
        }
    }
}

#[test]
fn every_command_is_one_of_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for (path, text) in documents() {
        for mut arguments in commands(&text).into_iter().filter(|arguments| arguments[0] != "help") {
            seen += 1;
            let shown = arguments.join(" ");
            // It is met only after all others were understood.
            arguments.push("--help".into());
            let output = umlaut(dir.path(), &arguments);
            assert_eq!(output.status.code(), Some(0), "{}: umlaut {shown}: {}", path.display(), words(&output));
        }
    }
    assert!(seen > 15, "{seen} commands were found");
}

#[test]
fn every_experiment_is_understood() {
    let mut seen = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "toml") {
            seen += 1;
            let whole = if block.starts_with("name =") { block } else { format!("{BASE}{block}") };
            let loaded = umlaut::config::load_str("shown.toml", &whole);
            assert!(loaded.is_ok(), "{}: {}", path.display(), loaded.err().map(|e| e.render(false)).unwrap_or_default());
        }
    }
    assert!(seen >= 4, "{seen} experiments were found");
}

/// The tutorial as its reader goes through it, with one epoch for each run.
#[test]
fn the_tutorial_works() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("experiments")).unwrap();
    fs::copy(root().join("experiments/quickstart.toml"), dir.path().join("experiments/quickstart.toml")).unwrap();
    let tutorial = PAGES.iter().find(|page| page.name == "tutorial").unwrap().text;
    let followed = commands(tutorial);
    assert!(followed.len() >= 5);
    for mut arguments in followed {
        if arguments[0] == "run" {
            match arguments.iter_mut().find(|argument| argument.starts_with("training.epochs=")) {
                Some(epochs) => *epochs = "training.epochs=1".into(),
                None => arguments.extend(["--set".into(), "training.epochs=1".into()]),
            }
            // Few images: the commands are tried, not the network.
            arguments.extend(["--set".into(), "dataset.synthetic.count=24".into()]);
        }
        for argument in &mut arguments {
            match argument.as_str() {
                "RUN" => *argument = first(&dir.path().join("results/quickstart/runs")),
                "IMAGES" => *argument = format!("{}/samples", first(&dir.path().join("results/quickstart/runs"))),
                _ => {}
            }
        }
        let output = umlaut(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "umlaut {}: {}", arguments.join(" "), words(&output));
    }
    for made in ["results/quickstart/report.html", "results/short/report.html", "predicted/predictions.csv"] {
        assert!(dir.path().join(made).is_file(), "{made}");
    }
}

fn first(folder: &Path) -> String {
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all[0].display().to_string()
}
