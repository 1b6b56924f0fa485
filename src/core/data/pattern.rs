//! Which files a pattern of paths means: `images/{name}.png`, `{name}_mask.*`, `{patient}/mask_{name}.tif`.
//!
//! A field in braces stands for what differs from sample to sample; the fields of an image and of its mask have equal values. `*` stands for what
//! plays no part, within one folder or file name. Everything else stands for itself.

use super::error::{Error, listed};
use super::files;
use regex::Regex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A pattern of paths below a root, with `/` between folders.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    regex: Regex,
    fields: Vec<String>,
    /// Characters that stand for themselves: of two patterns that both fit a file, the one with more of them means it.
    literal: usize,
}

impl Pattern {
    /// Whether a path of a configuration is a pattern.
    pub fn is(path: &Path) -> bool {
        path.to_string_lossy().contains(['{', '*'])
    }

    /// A pattern, or all files below a folder.
    ///
    /// # Errors
    /// In words: a brace without its other half, no field, one twice.
    pub fn new(path: &Path) -> Result<Self, String> {
        let given = path.to_string_lossy().replace('\\', "/");
        let folder = given.trim_start_matches("./").trim_end_matches('/');
        let text = match (Self::is(path), folder) {
            (true, _) => given.trim_start_matches("./").to_owned(),
            (false, "" | ".") => "{name}.*".to_owned(),
            (false, folder) => format!("{folder}/{{name}}.*"),
        };
        let (mut regex, mut fields, mut literal) = ("^".to_owned(), Vec::new(), 0);
        let mut rest = text.as_str();
        while let Some(c) = rest.chars().next() {
            let Some(after) = rest.strip_prefix('{') else {
                rest = &rest[c.len_utf8()..];
                if c == '}' {
                    return Err(format!("`{text}` has a closing brace without an opening one"));
                }
                literal += usize::from(c != '*');
                regex.push_str(&if c == '*' { "[^/]*".to_owned() } else { regex::escape(&c.to_string()) });
                continue;
            };
            let Some((field, after)) = after.split_once('}') else {
                return Err(format!("`{text}` has an opening brace without a closing one"));
            };
            if field.is_empty() || !field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(format!("`{text}`: a field is letters, digits and `_` in braces, as in {{name}}, got {{{field}}}"));
            }
            if fields.iter().any(|known| known == field) {
                return Err(format!("`{text}` has the field {{{field}}} twice; give the second another name"));
            }
            // Only {name} goes through folders, so that what a field means is plain.
            regex.push_str(if field == "name" { "(.+?)" } else { "([^/]+?)" });
            fields.push(field.to_owned());
            rest = after;
        }
        if fields.is_empty() {
            return Err(format!("`{text}` has no field, so it does not say which image goes with which mask; write {{name}}"));
        }
        let regex = Regex::new(&format!("{regex}$")).map_err(|e| format!("`{text}`: {e}"))?;
        Ok(Self { text, regex, fields, literal })
    }

    /// The values of its own fields of a path below the root that it fits, as [`name`](Self::name) has them.
    pub fn value(&self, relative: &str) -> Option<String> {
        let mut fields = self.fields.clone();
        fields.sort();
        self.name(relative, &fields)
    }

    /// Whether a file that both fit belongs to this one.
    pub fn says_more_than(&self, other: &Self) -> bool {
        self.literal >= other.literal
    }

    /// The values of the fields of a path below the root that it fits, in the order of `fields`, with `/` between them.
    fn name(&self, relative: &str, fields: &[String]) -> Option<String> {
        let found = self.regex.captures(relative)?;
        let value = |field: &String| Some(found[1 + self.fields.iter().position(|own| own == field)?].to_owned());
        fields.iter().map(value).collect::<Option<Vec<String>>>().map(|values| values.join("/"))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The images below `root` by the name of their sample, and for each pattern of masks the same. A file that several patterns fit belongs to the one
/// that has more characters of its own.
///
/// # Errors
/// If a pattern is none, two are equal, fields differ, a folder is missing or unreadable, a pattern fits no file, or several files of one name.
pub(super) fn find(root: &Path, images: &Path, masks: &[&Path]) -> Result<Vec<BTreeMap<String, PathBuf>>, Error> {
    let wrong = |problem: String| Error::Pattern { problem };
    let patterns: Vec<Pattern> =
        [images].into_iter().chain(masks.iter().copied()).map(Pattern::new).collect::<Result<_, _>>().map_err(wrong)?;
    for (at, pattern) in patterns.iter().enumerate() {
        if let Some(same) = patterns[..at].iter().find(|other| other.text == pattern.text) {
            return Err(wrong(format!(
                "images and masks are both `{same}`, so every image would be its own mask; tell them apart by folder or by name, as in images = \
                 \"{{name}}.*\" and masks = \"{{name}}_mask.*\""
            )));
        }
        let mut fields = (patterns[0].fields.clone(), pattern.fields.clone());
        fields.0.sort();
        fields.1.sort();
        if fields.0 != fields.1 {
            let shown = |fields: &[String]| listed(&fields.iter().map(|f| format!("{{{f}}}")).collect::<Vec<_>>(), 9, ", ");
            return Err(wrong(format!(
                "`{}` has the field(s) {}, `{pattern}` {}; both need the same",
                patterns[0],
                shown(&fields.0),
                shown(&fields.1)
            )));
        }
    }
    if !root.is_dir() {
        return Err(files::missing(root, "this folder"));
    }
    let mut found: Vec<BTreeMap<String, Vec<PathBuf>>> = vec![BTreeMap::new(); patterns.len()];
    for path in files::readable(root)? {
        let relative = relative(root, &path);
        let fits =
            patterns.iter().enumerate().filter_map(|(at, p)| Some((p.literal, at, p.name(&relative, &patterns[0].fields)?)));
        if let Some((_, at, name)) = fits.max_by_key(|(literal, at, _)| (*literal, *at)) {
            found[at].entry(name).or_default().push(path);
        }
    }
    if let Some((pattern, _)) = patterns.iter().zip(&found).find(|(_, found)| found.is_empty()) {
        return Err(wrong(format!("no image file below {} fits `{pattern}`", root.display())));
    }
    found.into_iter().map(files::unique).collect()
}

/// A path below a root, with `/` between its parts.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let parts: Vec<_> = path.strip_prefix(root).unwrap_or(path).iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(images: &str, masks: &str, files: &[&str]) -> Result<Vec<String>, String> {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = find(root.path(), Path::new(images), &[Path::new(masks)]).map_err(|e| e.to_string())?;
        let shown = |map: &BTreeMap<String, PathBuf>| {
            map.iter().map(|(name, path)| format!("{name}={}", relative(root.path(), path))).collect::<Vec<_>>().join(" ")
        };
        Ok(found.iter().map(shown).collect())
    }

    #[test]
    fn a_file_belongs_to_the_pattern_that_says_more() {
        let files = ["scan_1.png", "scan_1_mask.tif", "scan_2.PNG", "scan_2_mask.png", "notes.txt"];
        let found = names("{name}.*", "{name}_mask.*", &files).unwrap();
        assert_eq!(found, ["scan_1=scan_1.png scan_2=scan_2.PNG", "scan_1=scan_1_mask.tif scan_2=scan_2_mask.png"]);
    }

    #[test]
    fn folders_fields_and_wildcards() {
        let files = ["a/image_1.png", "a/mask_1_v2.png", "b/image_1.png", "b/mask_1_v3.png"];
        let found = names("{patient}/image_{name}.png", "{patient}/mask_{name}_*.png", &files).unwrap();
        assert_eq!(found, ["a/1=a/image_1.png b/1=b/image_1.png", "a/1=a/mask_1_v2.png b/1=b/mask_1_v3.png"]);
        let found = names("images", "labels/{name}_gt.*", &["images/x/1.png", "labels/x/1_gt.png"]).unwrap();
        assert_eq!(found, ["x/1=images/x/1.png", "x/1=labels/x/1_gt.png"]);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let of = |images: &str, masks: &str| names(images, masks, &["a.png"]).unwrap_err();
        assert!(of(".", ".").contains("every image would be its own mask"));
        assert!(of("{name}.png", "{nome}_mask.png").contains("has the field(s) {name}, `{nome}_mask.png` {nome}"));
        assert!(of("{name.png", "x").contains("opening brace without a closing one"));
        assert!(of("*.png", "x").contains("has no field"));
        assert!(of("{name}{name}.png", "x").contains("twice"));
        assert!(of("{name}.png", "{name}_mask.png").contains("no image file below"));
    }
}
