//! Which class the objects of annotation files are of, by what the files call them.

use crate::data::error::{Error, listed};
use std::collections::BTreeMap;
use std::path::Path;

/// Characters of a class at most: it is part of paths and of columns.
const LONGEST: usize = 100;

/// The class that a label means: letters, digits, `-`, `_` and `.` stay as they are, every other character becomes `_`, and so does a `.` at the start.
pub(in crate::data) fn class(label: &str) -> String {
    let good = |(at, c): (usize, char)| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || c == '.' && at > 0;
    label.chars().enumerate().map(|(at, c)| if good((at, c)) { c } else { '_' }).collect()
}

/// How often each label occurs in files at `path`, as numbers of objects.
pub(in crate::data) struct Labels<'a> {
    pub path: &'a Path,
    pub objects: BTreeMap<String, usize>,
}

impl Labels<'_> {
    /// For each label the number of its class among `classes`.
    ///
    /// # Errors
    /// If a label is no class, a class has no object, or two labels mean one class.
    pub fn assign(&self, classes: &[String]) -> Result<BTreeMap<String, usize>, Error> {
        let amiss = |problem| Error::Annotations { path: self.path.to_owned(), problem };
        let mut by_class: BTreeMap<String, &String> = BTreeMap::new();
        for label in self.objects.keys() {
            if let Some(other) = by_class.insert(class(label), label) {
                let class = class(label);
                return Err(amiss(format!("the labels {other:?} and {label:?} are both the class {class}; rename one of them")));
            }
        }
        self.strange(classes).map_or(Ok(()), |problem| Err(amiss(problem)))?;
        let absent: Vec<&String> = classes.iter().filter(|class| !by_class.contains_key(*class)).collect();
        if !absent.is_empty() {
            let there: Vec<&String> = classes.iter().filter(|class| by_class.contains_key(*class)).collect();
            let remedy = if there.is_empty() { self.there() } else { format!("write classes = {there:?}") };
            return Err(amiss(format!("no object is of the class {}; {remedy}", listed(&absent, 10, ", "))));
        }
        let number = |name: &str| classes.iter().position(|class| class == name).expect("strange labels are none of these");
        Ok(by_class.into_iter().map(|(name, label)| (label.clone(), number(&name))).collect())
    }

    /// What to say of objects that are of no class.
    fn strange(&self, classes: &[String]) -> Option<String> {
        if let Some(label) = self.objects.keys().find(|label| label.is_empty() || label.chars().count() > LONGEST) {
            return Some(format!("the label {label:?} must have 1 to {LONGEST} characters; rename it"));
        }
        let strange = self.objects.iter().filter(|(label, _)| !classes.contains(&class(label)));
        let strange: Vec<String> = strange.map(|(label, objects)| counted(label, *objects)).collect();
        (!strange.is_empty()).then(|| {
            format!(
                "objects of {} are of none of the classes {}; name each in `classes`, or take these objects out of the files",
                listed(&strange, 10, ", "),
                listed(classes, 10, ", ")
            )
        })
    }

    /// The classes of all objects.
    fn there(&self) -> String {
        if self.objects.is_empty() {
            return "there is no object at all: annotate some".to_owned();
        }
        let there: Vec<String> = self.objects.iter().map(|(label, objects)| counted(label, *objects)).collect();
        format!("the objects are of {}", listed(&there, 10, ", "))
    }
}

/// `nucleus (12)`, `Immune_cells ("Immune cells", 3)`.
fn counted(label: &str, objects: usize) -> String {
    let name = class(label);
    if name == label { format!("{name} ({objects})") } else { format!("{name} ({label:?}, {objects})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assign(objects: &[(&str, usize)], classes: &[&str]) -> Result<BTreeMap<String, usize>, String> {
        let objects = objects.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect();
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        Labels { path: Path::new("x.json"), objects }.assign(&classes).map_err(|e| e.to_string())
    }

    #[test]
    fn labels_are_classes_but_for_characters_that_a_class_cannot_have() {
        assert_eq!(
            ["Region*", "Tumor: Positive", ".a.b-c", "Zelle ä"].map(class),
            ["Region_", "Tumor__Positive", "_a.b-c", "Zelle__"]
        );
        let numbers = assign(&[("b c", 1), ("a", 2)], &["b_c", "a"]).unwrap();
        assert_eq!(numbers.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 1), ("b c".to_owned(), 0)]);
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_there_is() {
        assert_eq!(
            assign(&[("a", 2), ("b c", 1)], &["a"]).unwrap_err(),
            "x.json: objects of b_c (\"b c\", 1) are of none of the classes a; name each in `classes`, or take these objects out of the files"
        );
        assert_eq!(assign(&[("a", 2)], &["b", "a"]).unwrap_err(), "x.json: no object is of the class b; write classes = [\"a\"]");
        assert_eq!(
            assign(&[], &["a"]).unwrap_err(),
            "x.json: no object is of the class a; there is no object at all: annotate some"
        );
        assert!(assign(&[("b c", 1), ("b_c", 2)], &["b_c"]).unwrap_err().contains("\"b c\" and \"b_c\" are both the class b_c"));
        assert!(assign(&[("", 1)], &["a"]).unwrap_err().contains("must have 1 to 100 characters"));
    }
}
