//! `umlaut help`: the commands in groups, and the pages of the guide.

use super::failure::{Failure, mistake};
use super::text;
use clap::Command;
use umlaut::config;
use umlaut::guide::{Kind, PAGES, Page};

/// Columns that pages are written for.
const WRITTEN_FOR: usize = 100;

/// Every command, in groups.
const GROUPS: &[(&str, &[&str])] = &[
    ("Start", &["init", "check", "data", "summary", "find-lr", "schema"]),
    ("Run", &["run", "plan", "status", "train"]),
    ("Look", &["report", "serve", "compare", "why", "export", "clean"]),
    ("Use", &["predict", "evaluate"]),
    ("This machine", &["info", "selftest", "completions", "man"]),
    ("Help", &["help"]),
];

#[derive(clap::Args)]
pub struct Arguments {
    /// A command, or a page of the guide; without it all of them are listed
    topic: Vec<String>,
}

/// Shows what is asked for; `command` is the program's.
pub fn run(arguments: &Arguments, mut command: Command) -> Result<(), Failure> {
    command.build();
    let Some(topic) = arguments.topic.first() else {
        return Ok(text::print(&format!("{}{}", command.render_help(), topics()))?);
    };
    if let Some(page) = PAGES.iter().find(|page| page.name == *topic) {
        return Ok(text::print(&in_columns(page, text::columns()))?);
    }
    let mut found = &mut command;
    for word in &arguments.topic {
        let known: Vec<String> = found.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        found = match known.contains(word) {
            true => found.find_subcommand_mut(word).expect("it is one of them"),
            false => return Err(unknown(word, known.iter().map(String::as_str))),
        };
    }
    Ok(text::print(&found.render_long_help().to_string())?)
}

fn unknown<'a>(topic: &str, commands: impl Iterator<Item = &'a str>) -> Failure {
    let near = config::closest(topic, commands.chain(PAGES.iter().map(|page| page.name)));
    let meant = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    mistake(format!("help {topic}: neither a command nor a page of the guide; {meant}`umlaut help` lists them"))
}

/// The commands in groups, to stand in the program's help.
pub fn commands(command: &Command) -> String {
    let about = |name: &str| {
        let found = command.find_subcommand(name)?;
        Some(format!("  {name:<11} {}\n", found.get_about()?))
    };
    let group = |(title, names): &(&str, &[&str])| {
        let lines: String = names.iter().filter_map(|name| about(name)).collect();
        format!("{title}:\n{lines}\n")
    };
    GROUPS.iter().map(group).collect()
}

fn topics() -> String {
    let of_kind = |kind: Kind| {
        let lines = PAGES.iter().filter(|page| page.kind == kind).map(|page| format!("  {:<12} {}\n", page.name, page.title()));
        format!("{}:\n{}", kind.title(), lines.collect::<String>())
    };
    format!("\nPages of the guide, `umlaut help PAGE`:\n\n{}", Kind::ALL.map(of_kind).join("\n"))
}

/// A page without its comments, between which a script writes tables.
fn without_comments(page: &Page) -> String {
    page.text.split_inclusive('\n').filter(|line| !line.starts_with("<!--")).collect()
}

/// A page, its prose in lines that fit the columns. Code and tables stay as they are.
fn in_columns(page: &Page, columns: usize) -> String {
    let text = without_comments(page);
    if columns >= WRITTEN_FOR {
        return text;
    }
    let (mut shown, mut prose, mut in_code) = (String::new(), String::new(), false);
    for line in text.lines().chain([""]) {
        let fence = line.trim_start().starts_with("```");
        let item = ["- ", "* ", "1. ", "2. ", "3. "].iter().any(|mark| line.starts_with(mark));
        let kept = in_code || fence || line.trim().is_empty() || line.starts_with(['#', '|']);
        if kept || item {
            let indent = if prose.starts_with("- ") { 2 } else { 0 };
            let lines = if prose.is_empty() { Vec::new() } else { text::wrap(&prose, columns, indent) };
            shown.extend(lines.iter().map(|line| format!("{line}\n")));
            prose.clear();
        }
        in_code ^= fence;
        if kept {
            shown += line;
            shown.push('\n');
        } else {
            prose += if prose.is_empty() { "" } else { " " };
            prose += line.trim();
        }
    }
    format!("{}\n", shown.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = super::super::command();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut known: Vec<&str> = command.get_subcommands().filter(|one| !one.is_hide_set()).map(Command::get_name).collect();
        if cfg!(not(feature = "cuda")) {
            grouped.retain(|name| *name != "selftest");
        }
        if cfg!(not(feature = "serve")) {
            grouped.retain(|name| *name != "serve");
        }
        grouped.sort_unstable();
        known.sort_unstable();
        assert_eq!(grouped, known);
    }

    #[test]
    fn comments_of_pages_are_not_shown() {
        let page = Page { name: "one", kind: Kind::Reference, text: "# One\n\n<!-- begin -->\nkept\n<!-- end -->\n" };
        assert_eq!(in_columns(&page, 120), "# One\n\nkept\n");
        assert_eq!(in_columns(&page, 60), "# One\n\nkept\n");
    }

    #[test]
    fn pages_fit_narrow_terminals_and_lose_nothing() {
        for page in PAGES {
            let narrow = in_columns(page, 60);
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(squeeze(&narrow), squeeze(&without_comments(page)), "{}", page.name);
            assert_eq!(in_columns(page, 120), without_comments(page));
        }
        let limits = PAGES.iter().find(|page| page.name == "limits").expect("a page without code and tables");
        let narrow = in_columns(limits, 60);
        assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    }
}
