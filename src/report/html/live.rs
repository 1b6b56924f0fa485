//! What other pages share with report.html: its sections, style, script, and the way in which templates escape.

use super::values;
use crate::report::chart::{self, Drawn};
use crate::report::collect::Comparison;
use crate::report::overlay::Overlays;
use crate::report::verdict::Verdict;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, HtmlEscape, Value, context};
use std::collections::BTreeMap;

/// The report as sections of a page whose style and script come as files: no style sheet stands within a chart, and charts of curves come
/// with their values.
pub(in crate::report) fn sections(comparison: &Comparison, verdict: &Verdict, charts: &[Drawn], overlays: &Overlays) -> String {
    const SECTIONS: &str = concat!(include_str!("grid.html"), include_str!("verdict.html"), include_str!("sections.html"));
    let bare: Vec<Drawn> = charts
        .iter()
        .map(|chart| Drawn { name: chart.name.clone(), title: chart.title.clone(), svg: without_style(&chart.svg) })
        .collect();
    let json = |of: &Vec<_>| serde_json::to_string(of).expect("plain data");
    let curves: BTreeMap<String, String> =
        chart::values(comparison, verdict).iter().map(|(name, values)| (name.clone(), json(values))).collect();
    // Groups of a search were chosen by their scores; nothing is tested.
    let settle = if comparison.search.is_some() { Vec::new() } else { verdict.settle(comparison) };
    let values = context! { curves => curves, settle => settle, ..values(comparison, verdict, &bare, overlays) };
    environment().render_str(SECTIONS, values).expect("the template names only what is given")
}

/// A chart whose colours the page's own style sheet makes follow dark mode.
fn without_style(svg: &str) -> String {
    let cut = svg.split_once("<style>").and_then(|(head, rest)| Some((head, rest.split_once("</style>")?.1)));
    cut.map_or_else(|| svg.to_owned(), |(head, tail)| format!("{head}{tail}"))
}

/// The style sheet of report.html, with what charts have in theirs.
pub fn style() -> String {
    format!("{}{}", include_str!("style.css"), colors())
}

/// The style that charts need on a page that allows none within them.
pub fn chart_style() -> String {
    chart::whole_sheet()
}

/// The script of report.html: tables are sorted and filtered, also those that are put into a page later.
pub fn script() -> &'static str {
    include_str!("script.js")
}

/// Renders templates: everything is escaped for HTML but what was made safe here, and what would not show is written out.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.add_filter("joints", joints);
    environment.set_formatter(written_out);
    environment.set_syntax(syntax.expect("the usual delimiters"));
    environment
}

/// Escapes as ever, and writes out what would not show; what is safe was made here.
fn written_out(out: &mut minijinja::Output, state: &mut minijinja::State, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|text| !value.is_safe() && text.contains(crate::shown::is_hidden)) {
        Some(text) => minijinja::escape_formatter(out, state, &Value::from(&*crate::shown::lines(text))),
        None => minijinja::escape_formatter(out, state, value),
    }
}

/// Words that may go on in the next line behind a joint, `focal_`|`tversky.`|`weight 1.0`, but not within `0.5`.
fn joints(words: &str) -> Value {
    let mut safe = String::new();
    let words = crate::shown::line(words);
    let mut letters = words.chars().peekable();
    while let Some(letter) = letters.next() {
        safe.push_str(&HtmlEscape(letter.encode_utf8(&mut [0; 4])).to_string());
        let next_is_letter = letters.peek().is_some_and(|next| next.is_alphabetic());
        if matches!(letter, '_' | '/') || letter == '.' && next_is_letter {
            safe.push_str("<wbr>");
        }
    }
    Value::from_safe_string(safe)
}

/// The charts' colours of groups as rules of CSS.
fn colors() -> String {
    let rule = |(at, color): (usize, &String)| format!(".sw{at}{{fill:{color}}}");
    let (light, dark): (Vec<String>, Vec<String>) = chart::swatches().into_iter().unzip();
    let all = |colors: &[String]| colors.iter().enumerate().map(rule).collect::<String>();
    format!("{}@media (prefers-color-scheme: dark){{{}}}", all(&light), all(&dark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_on_behind_their_joints() {
        for (words, wanted) in [
            ("focal_tversky.weight 1.0", "focal_<wbr>tversky.<wbr>weight 1.0"),
            ("channels 16-32, lr 0.5", "channels 16-32, lr 0.5"),
            ("a_<b>", "a_<wbr>&lt;b&gt;"),
        ] {
            assert_eq!(joints(words).to_string(), wanted);
        }
    }
}
