//! No two files need each other, neither at once nor over others.
//!
//! A file needs another if it names an item that is defined there, by a path that begins with `crate`, `super` or `self`, or with a module that it
//! declares. Names are followed through `use` to where they are defined, so it does not matter through which module they are reached. Two things need
//! nothing: a `pub use` of a module's own children, which is a façade, and what a file has of the modules that it lies in: they hold what their files
//! share, and may call them. Unit tests are left out.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module's path from the root of its crate, which is `lib` or `main`.
type Module = Vec<String>;

/// What is read of a file.
struct File {
    /// Without comments, text and unit tests.
    code: String,
    /// Names that `use` brings in, with the paths that they stand for, and whether that is a façade.
    uses: Vec<Use>,
}

struct Use {
    /// `*` for all names.
    name: String,
    path: Vec<String>,
    public: bool,
}

/// All files of the sources, by module.
struct Sources {
    files: BTreeMap<Module, File>,
    names: BTreeMap<Module, String>,
}

impl Sources {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut files, mut names) = (BTreeMap::new(), BTreeMap::new());
        for entry in walkdir::WalkDir::new(&src) {
            let path = entry.expect("src can be listed").into_path();
            let name = path.strip_prefix(&src).expect("below src").to_string_lossy().replace('\\', "/");
            // The library shows the modules of the inner packages as its own.
            if name == "core/lib.rs" || name == "base/lib.rs" {
                continue;
            }
            let name = name.trim_start_matches("core/").trim_start_matches("base/").to_owned();
            if !name.ends_with(".rs") || name.ends_with("/tests.rs") || name.contains("/tests/") {
                continue;
            }
            let module = module_of(&name);
            let text = std::fs::read_to_string(&path).expect("sources are text");
            files.insert(module.clone(), File::of(&text));
            names.insert(module, name);
        }
        Self { files, names }
    }

    /// Which files each file needs.
    fn edges(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let needs = |module: &Module, file: &File| -> BTreeSet<&Module> {
            let used = file.uses.iter().filter(|of| !(of.public && self.is_below(module, of))).map(|of| of.path.clone());
            let inline = file.paths(|word| self.files.contains_key(&child(module, word)));
            let needed = used.chain(inline).filter_map(|path| self.defined_in(module, &path, 0));
            needed.filter(|other| !module.starts_with(other)).collect()
        };
        self.files.iter().map(|(module, file)| (module, needs(module, file))).collect()
    }

    /// Whether what is used lies in or below a child of the module.
    fn is_below(&self, module: &Module, of: &Use) -> bool {
        let (start, rest) = start(module, &of.path);
        start == *module && rest.first().is_some_and(|word| self.files.contains_key(&child(module, word)))
    }

    /// The module whose file defines what a path names; `None` for what is not ours.
    fn defined_in(&self, from: &Module, path: &[String], depth: usize) -> Option<&Module> {
        let (mut at, rest) = start(from, path);
        if rest.len() == path.len() && !self.files.contains_key(&child(from, &rest[0])) && depth == 0 {
            return None;
        }
        for (index, word) in rest.iter().enumerate() {
            let below = child(&at, word);
            if self.files.contains_key(&below) {
                at = below;
                continue;
            }
            // An item: followed if the file has it from elsewhere.
            let file = self.files.get(&at)?;
            let brought = file.uses.iter().find(|of| of.name == *word).map(|of| [&of.path[..], &rest[index + 1..]].concat());
            let globs = file.uses.iter().filter(|of| of.name == "*");
            let globbed = || globs.map(|of| [&of.path[..], &rest[index..]].concat());
            if !file.defines(word) && depth < 16 {
                if let Some(path) = brought {
                    return self.defined_in(&at, &path, depth + 1);
                }
                let found = globbed().find_map(|path| {
                    let module = self.defined_in(&at, &path, depth + 1)?;
                    self.files[module].defines(word).then_some(module)
                });
                if found.is_some() {
                    return found;
                }
            }
            break;
        }
        self.files.get_key_value(&at).map(|(module, _)| module)
    }
}

/// A module below another.
fn child(module: &Module, name: &str) -> Module {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// Where a path begins, and what is left of it.
fn start<'a>(from: &Module, path: &'a [String]) -> (Module, &'a [String]) {
    let mut at = from.clone();
    let mut rest = path;
    match rest.first().map(String::as_str) {
        // `ops` is a package of its own.
        Some("crate") if from.get(1).is_some_and(|room| room == "ops") => (at, rest) = (from[..2].to_vec(), &rest[1..]),
        Some("crate") => (at, rest) = (from[..1].to_vec(), &rest[1..]),
        Some("umlaut_base") => (at, rest) = (vec!["lib".to_owned()], &rest[1..]),
        // The program's view of the library.
        Some("umlaut") if from[0] == "main" => (at, rest) = (vec!["lib".to_owned()], &rest[1..]),
        Some("self") => rest = &rest[1..],
        _ => {}
    }
    while rest.first().is_some_and(|word| word == "super") {
        at.pop();
        rest = &rest[1..];
    }
    (at, rest)
}

fn module_of(name: &str) -> Module {
    let root = if name == "main.rs" || name.starts_with("cli/") { "main" } else { "lib" };
    let path = PathBuf::from(name).with_extension("");
    let words = path.iter().map(|word| word.to_string_lossy().into_owned());
    let words = words.filter(|word| !matches!(word.as_str(), "mod" | "main" | "lib"));
    std::iter::once(root.to_owned()).chain(words).collect()
}

impl File {
    fn of(text: &str) -> Self {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = Regex::new("(?m)\"(?:\\\\[\\s\\S]|[^\"\\\\])*\"|//.*$").expect("a regular expression").replace_all(code, " ");
        let statement = Regex::new(r"(?m)^\s*(pub(?:\([a-z]+\))? )?use ([^;]+);").expect("a regular expression");
        let mut uses = Vec::new();
        for found in statement.captures_iter(&code) {
            let mut paths = Vec::new();
            expand(&[], &found[2].split_whitespace().collect::<Vec<_>>().join(" "), &mut paths);
            let public = found.get(1).is_some();
            uses.extend(paths.into_iter().map(|(path, name)| Use { name, path, public }));
        }
        let code = statement.replace_all(&code, " ").into_owned();
        Self { code, uses }
    }

    /// Paths in the code itself that begin with a keyword of modules or a module that is declared here.
    fn paths(&self, is_child: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
        let path = Regex::new(r"\b[a-z_][a-z0-9_]*(?:::\w+)+").expect("a regular expression");
        let words = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
        let paths = path.find_iter(&self.code).filter(|found| !self.code[..found.start()].ends_with("::"));
        let paths = paths.map(|found| words(found.as_str()));
        paths.filter(|path| matches!(path[0].as_str(), "crate" | "super" | "self") || is_child(&path[0])).collect()
    }

    fn defines(&self, name: &str) -> bool {
        let words = ["struct", "enum", "fn", "trait", "type", "const", "static", "union", "macro_rules!"];
        words.iter().any(|word| {
            let definition = format!("{word} {name}");
            let mut ends = self.code.match_indices(&definition).map(|(at, found)| at + found.len());
            ends.any(|end| !self.code[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    }
}

/// The paths of a `use`, each with the name that it brings in.
fn expand(before: &[String], tree: &str, paths: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    if let Some(open) = tree.find('{') {
        let head: Vec<String> = words(&tree[..open]);
        let before = [before, &head].concat();
        let inner = tree[open + 1..].trim_end().strip_suffix('}').unwrap_or_default();
        let (mut depth, mut begin) = (0, 0);
        for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    if !inner[begin..at].trim().is_empty() {
                        expand(&before, &inner[begin..at], paths);
                    }
                    begin = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let (path, name) = tree.split_once(" as ").map_or((tree, None), |(path, name)| (path, Some(name.trim().to_owned())));
    let mut path = [before, &words(path)].concat();
    if path.last().is_some_and(|word| word == "self") && path.len() > 1 {
        path.pop();
    }
    let mut name = name.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
    if path.last().is_some_and(|word| word == "*") {
        path.pop();
        name = "*".to_owned();
    }
    paths.push((path, name));
}

fn words(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Groups of nodes each of which leads to every other of its group (Tarjan's strongly connected components), of more than one.
fn circles<'a>(edges: &BTreeMap<&'a Module, BTreeSet<&'a Module>>) -> Vec<Vec<&'a Module>> {
    let reach = |from: &'a Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(edges[module].iter().filter(|other| seen.insert(**other)));
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = edges.keys().map(|module| (*module, reach(module))).collect();
    let mut groups: Vec<Vec<&Module>> = Vec::new();
    for module in edges.keys().filter(|module| reached[**module].contains(**module)) {
        if !groups.iter().any(|group| group.contains(module)) {
            groups.push(reached[*module].iter().filter(|other| reached[**other].contains(*module)).copied().collect());
        }
    }
    groups
}

#[test]
fn no_two_files_need_each_other() {
    let sources = Sources::read();
    let edges = sources.edges();
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 800, "only {count} edges were found: the sources are read wrongly");
    let circles = circles(&edges);
    let name = |module: &Module| sources.names[module].as_str();
    let text = |group: &Vec<&Module>| {
        let one = |module: &&Module| {
            let needs: Vec<&str> = edges[*module].iter().filter(|other| group.contains(other)).map(|other| name(other)).collect();
            format!("  {} needs {}", name(module), needs.join(", "))
        };
        group.iter().map(one).collect::<Vec<_>>().join("\n")
    };
    let wrong: Vec<String> = circles.iter().map(text).collect();
    assert!(wrong.is_empty(), "{} circles:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn uses_are_read_as_the_compiler_does() {
    let file = File::of(
        "use super::a::{self, B, c::{D as E, *}};\npub use f::G; // use super::h::I;\nfn x() { super::y::Z::w(\"crate::q\"); k::l(); }",
    );
    let uses: Vec<String> = file.uses.iter().map(|of| format!("{} = {}", of.name, of.path.join("::"))).collect();
    assert_eq!(uses, ["a = super::a", "B = super::a::B", "E = super::a::c::D", "* = super::a::c", "G = f::G"]);
    assert!(file.uses[4].public);
    let paths: Vec<String> = file.paths(|word| word == "k").iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["super::y::Z::w", "k::l"]);
}
