//! The documentation says what there is: a page for each reason, every setting, and no page of what is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use prost_reflect::DescriptorPool;

use crate::source::{Source, product, root, walk};

/// Words in capitals that are literals in the code and neither reasons nor rules of fields.
const OTHER_WORDS: [&str; 1] = ["SCREAMING_SNAKE_CASE"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The reasons that have a page.
fn pages() -> BTreeSet<String> {
    let mut paths = Vec::new();
    walk(&root().join("docs/errors"), "md", &mut paths);
    let names = paths.iter().filter_map(|path| path.file_stem()).map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "README").collect()
}

/// The rules of fields in the table of INVALID_ARGUMENT's page: `| `RULE` | … |`.
fn documented_rules() -> BTreeSet<String> {
    let page = read("docs/errors/INVALID_ARGUMENT.md");
    page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(rule, _)| rule.to_owned()).collect()
}

/// The names of enum values, whole and without their prefix: texts of columns and filters, not reasons.
fn enum_values() -> BTreeSet<String> {
    let pool = DescriptorPool::decode(guanxi_contracts::DESCRIPTORS).expect("the compiled descriptors decode");
    let mut names = BTreeSet::new();
    for values in pool.all_enums().filter(|values| values.full_name().starts_with("guanxi.")) {
        for value in values.values() {
            let parts: Vec<&str> = value.name().split('_').collect();
            names.extend((0..parts.len()).map(|from| parts[from..].join("_")));
        }
    }
    names
}

/// How a reason stands in the code.
#[derive(Clone, Copy, PartialEq)]
enum Stands {
    /// As the reason of a refusal: `precondition("…`, `Kind::Aborted, "…`.
    Reason,
    /// As a word in capitals with an underscore: a reason or a rule, most likely.
    Word,
}

/// Every literal of the product that looks like a reason, with where it was seen first.
fn reasons() -> BTreeMap<String, (Stands, String)> {
    let mut found: BTreeMap<String, (Stands, String)> = BTreeMap::new();
    for source in product().iter().filter(|source| !is_other_side(source)) {
        for (at, text) in source.literals.iter().filter(|(at, text)| source.is_product(*at) && is_screaming(text)) {
            let stands = if is_reason(source, *at) { Stands::Reason } else { Stands::Word };
            if stands == Stands::Word && !text.contains('_') {
                continue;
            }
            let place = format!("{}:{}", source.path, source.line(*at));
            let entry = found.entry(text.clone()).or_insert((stands, place));
            if stands == Stands::Reason {
                entry.0 = stands;
            }
        }
    }
    found
}

/// What reads reasons rather than giving them, or says names of environment variables.
fn is_other_side(source: &Source) -> bool {
    ["services/suite", "services/e2e", "shared/testkit"].contains(&source.crate_folder())
        || source.path == "shared/rpc/src/status.rs" && source.text.contains("fn code_name")
}

fn is_screaming(text: &str) -> bool {
    text.len() > 3
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && !text.starts_with("GUANXI_")
        && !text.starts_with("CARGO_")
        && text != "OUT_DIR"
}

/// Whether the literal at `at` is the reason that one of `Refused`'s constructors is given.
fn is_reason(source: &Source, at: usize) -> bool {
    let before = source.code[..at].trim_end();
    if ["precondition(", "denied(", "unavailable("].iter().any(|call| before.ends_with(call)) {
        return true;
    }
    let argument = before.strip_suffix(',').and_then(|rest| rest.rsplit_once(['(', ' ', '\n'])).map_or("", |(_, a)| a);
    argument.contains("Kind::")
}

#[test]
fn every_reason_has_a_page_and_every_rule_a_line() {
    let (pages, rules, values) = (pages(), documented_rules(), enum_values());
    let mut missing = Vec::new();
    for (reason, (stands, place)) in reasons() {
        let said = match stands {
            Stands::Reason => pages.contains(&reason),
            Stands::Word => {
                pages.contains(&reason)
                    || rules.contains(&reason)
                    || values.contains(&reason)
                    || OTHER_WORDS.contains(&reason.as_str())
            }
        };
        if !said {
            missing.push(format!("{reason}: {place}"));
        }
    }
    assert!(
        missing.is_empty(),
        "a reason needs docs/errors/REASON.md, a rule of a field a line in docs/errors/INVALID_ARGUMENT.md:\n{}",
        missing.join("\n")
    );
}

#[test]
fn no_page_is_left_of_a_reason_that_is_gone() {
    let mut known: BTreeSet<String> = reasons().into_keys().collect();
    // Made by the status mapper itself, which also names gRPC's codes.
    known.extend(["DEADLINE_EXCEEDED", "METHOD_UNKNOWN", "MESSAGE_TOO_LARGE"].map(str::to_owned));
    let gone: Vec<String> =
        pages().union(&documented_rules()).filter(|reason| !known.contains(*reason)).cloned().collect();
    assert!(gone.is_empty(), "these are documented in docs/errors and nothing says them any more: {}", gone.join(", "));
}

#[test]
fn every_page_says_what_it_means_when_it_comes_and_what_to_do() {
    let index = read("docs/errors/README.md");
    let mut wrong = Vec::new();
    for reason in pages() {
        let page = read(&format!("docs/errors/{reason}.md"));
        let parts = ["## When", "## What to do"];
        if !page.starts_with(&format!("# {reason}\n\n")) || parts.iter().any(|part| !page.contains(part)) {
            wrong.push(format!("{reason}: needs its title, a sentence, {}", parts.join(", ")));
        }
        if !index.contains(&format!("({reason}.md)")) {
            wrong.push(format!("{reason}: docs/errors/README.md does not list it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_setting_is_in_the_operators_guide() {
    let guide = read("docs/operate.md");
    let mut section = String::new();
    let mut missing = Vec::new();
    for line in read("shared/runtime/src/settings/defaults.toml").lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, default)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let setting = format!("`{section}.{key}`");
            let row = format!("| {setting} | {} |", default.trim_matches('"')).replace("|  |", "| |");
            let shared_row = guide.contains(&setting) && !guide.contains(&format!("| {setting} |"));
            if !guide.contains(&row) && !shared_row {
                missing.push(row);
            }
        }
    }
    for source in product().iter().filter(|source| source.path.ends_with("/src/settings.rs")) {
        let Some((_, fields)) = source.text.split_once("pub struct Settings {") else { continue };
        let service = source.crate_folder().trim_start_matches("services/");
        for field in fields.lines().take_while(|line| *line != "}").filter_map(|line| line.trim().strip_prefix("pub "))
        {
            let key = field.split(':').next().unwrap_or_default();
            let setting = format!("`{service}.{key}`");
            if service != source.crate_folder() && !guide.contains(&setting) {
                missing.push(setting);
            }
        }
    }
    assert!(missing.is_empty(), "docs/operate.md does not say {}", missing.join(", "));
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let root = root();
    let mut paths: Vec<PathBuf> = vec![root.join("README.md")];
    walk(&root.join("docs"), "md", &mut paths);
    let mut broken = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).expect("a document is readable");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || file.is_empty();
            if !outside && !path.parent().expect("a file is in a folder").join(file).exists() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
