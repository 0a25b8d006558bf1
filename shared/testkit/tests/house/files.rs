//! What every Rust file looks like: one idea, said at its top, in less than 500 lines.

use crate::source::files;

const MOST_LINES: usize = 500;

#[test]
fn no_file_is_longer_than_500_lines() {
    let long: Vec<String> = files(".rs")
        .iter()
        .map(|source| (source.text.lines().count(), &source.path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "each file holds one idea; what are the two in these?\n{}", long.join("\n"));
}

#[test]
fn every_file_says_at_its_top_what_it_is() {
    let silent: Vec<String> =
        files(".rs").into_iter().filter(|source| !source.text.starts_with("//!")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "these do not begin with a `//!` comment:\n{}", silent.join("\n"));
}
