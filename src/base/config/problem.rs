//! Mistakes of an experiment file, and how they are shown: the place, a caret, and what to do.

use super::node::Span;
use crate::shown;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet, renderer::DecorStyle};
use std::fmt;

/// Mistakes that are shown at once: nobody reads more, and each takes a look at the whole file.
const MOST_SHOWN: usize = 100;

/// One mistake.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    /// What is wrong.
    pub title: String,
    /// Where; `None` for a file as a whole.
    pub place: Option<Span>,
    /// Other places that have a part in it.
    pub others: Vec<(Span, String)>,
    /// What to do.
    pub help: Option<String>,
    /// A text that can be put in place of another, as `help` says.
    pub fix: Option<(Span, String)>,
}

impl Problem {
    pub fn new(title: impl Into<String>, place: Option<Span>) -> Self {
        Self { title: title.into(), place, others: Vec::new(), help: None, fix: None }
    }

    /// With everything written out that would not show, since names and values of the file stand in it.
    fn shown(self) -> Self {
        let shown = |text: String| shown::lines(&text).into_owned();
        Self {
            title: shown(self.title),
            others: self.others.into_iter().map(|(span, label)| (span, shown(label))).collect(),
            help: self.help.map(shown),
            fix: self.fix.map(|(span, text)| (span, shown(text))),
            ..self
        }
    }

    /// In one line: what is wrong and what to do.
    pub fn line(&self) -> String {
        self.help.as_ref().map_or_else(|| self.title.clone(), |help| format!("{} ({help})", self.title))
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some((span, text.into()));
        self
    }

    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.others.push((span, label.into()));
        self
    }
}

/// A text that is read: a file, or a `--set`.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub name: String,
    pub text: String,
}

/// Every mistake of an experiment file, the files it extends and the `--set`s of the command line.
#[derive(Debug, Clone)]
pub struct Problems {
    name: String,
    sources: Vec<Source>,
    problems: Vec<Problem>,
}

impl Problems {
    /// Mistakes in the order of the sources and of the places in them.
    pub(super) fn new(name: &str, sources: Vec<Source>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|p| p.place);
        let mut distinct: Vec<Problem> = Vec::new();
        for problem in problems.into_iter().map(Problem::shown) {
            // Equal ones have one place.
            if !distinct.iter().rev().take_while(|other| other.place == problem.place).any(|other| *other == problem) {
                distinct.push(problem);
            }
        }
        let sources = sources.into_iter().map(|source| Source { name: shown::line(&source.name).into_owned(), ..source });
        Self { name: shown::line(name).into_owned(), sources: sources.collect(), problems: distinct }
    }

    /// Number of mistakes, 1 or more.
    #[expect(clippy::len_without_is_empty, reason = "without a mistake there are no `Problems`")]
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// All mistakes for a terminal, in the way of rustc, and a last line with their number.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
        let mut text = String::new();
        for problem in self.problems.iter().take(MOST_SHOWN) {
            text += renderer.render(&self.groups(problem)).trim_end();
            text += "\n\n";
        }
        let mistakes = if self.len() == 1 { "mistake" } else { "mistakes" };
        let first = if self.len() > MOST_SHOWN { format!(", the first {MOST_SHOWN} are shown") } else { String::new() };
        text += &format!("{}: {} {mistakes}{first}\n", self.name, self.len());
        if colour { shown::coloured(&text).into_owned() } else { shown::lines(&text).into_owned() }
    }

    fn groups<'a>(&'a self, problem: &'a Problem) -> Vec<Group<'a>> {
        let mut main = Group::with_title(Level::ERROR.primary_title(problem.title.as_str()));
        if let Some(place) = problem.place {
            main = main.element(self.snippet(place, AnnotationKind::Primary, "", &problem.others));
            for (span, label) in problem.others.iter().filter(|(span, _)| span.source != place.source) {
                main = main.element(self.snippet(*span, AnnotationKind::Context, label, &[]));
            }
        }
        match (&problem.fix, &problem.help) {
            (Some((span, new)), Some(help)) => {
                let source = &self.sources[span.source];
                let patch = Snippet::source(&source.text).path(&source.name).patch(Patch::new(span.range(), new));
                vec![main, Group::with_title(Level::HELP.secondary_title(help.as_str())).element(patch)]
            }
            (None, Some(help)) => vec![main.element(Level::HELP.message(help.as_str()))],
            _ => vec![main],
        }
    }

    /// The lines around a place, and those of `others` in the same source.
    fn snippet<'a>(
        &'a self,
        place: Span,
        kind: AnnotationKind,
        label: &'a str,
        others: &'a [(Span, String)],
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let source = &self.sources[place.source];
        let labelled = |kind: AnnotationKind, span: Span, label: &'a str| {
            let annotation = kind.span(span.range());
            if label.is_empty() { annotation } else { annotation.label(label) }
        };
        let here = others.iter().filter(move |(span, _)| span.source == place.source);
        Snippet::source(&source.text)
            .path(&source.name)
            .annotation(labelled(kind, place, label))
            .annotations(here.map(move |(span, label)| labelled(AnnotationKind::Context, *span, label)))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
