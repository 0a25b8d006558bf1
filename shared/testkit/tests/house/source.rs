//! Reads the workspace's Rust source as these tests need it: without comments, with its string literals apart.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

/// One Rust file.
pub struct Source {
    /// From the root of the repository, such as `services/loyalty/src/lib.rs`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// The text, byte for byte, with everything that is in a comment or in a literal turned into spaces.
    pub code: String,
    /// The string literals, with the byte that each begins at.
    pub literals: Vec<(usize, String)>,
    /// The parts that are compiled only for tests.
    tests: Vec<Range<usize>>,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a Rust file is readable");
        let path = path.strip_prefix(root).expect("it was found under the root").to_string_lossy().into_owned();
        let (code, literals) = lex(&text);
        let tests = test_parts(&code);
        Self { path, text, code, literals, tests }
    }

    /// Whether the byte at `at` belongs to the product, not to a test.
    pub fn is_product(&self, at: usize) -> bool {
        !self.tests.iter().any(|part| part.contains(&at))
    }

    /// The line, from 1, that the byte at `at` is on.
    pub fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// The folder of the crate, such as `services/loyalty`.
    pub fn crate_folder(&self) -> &str {
        let end = self.path.match_indices('/').nth(1).map_or(self.path.len(), |(at, _)| at);
        &self.path[..end]
    }

    /// The modules that the file is in, below its crate: `["store", "orders"]` for `src/store/orders.rs`.
    pub fn modules(&self) -> Vec<&str> {
        let below = self.path.split_once("/src/").map_or("", |(_, below)| below).trim_end_matches(".rs");
        below.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main" | "")).collect()
    }

    /// Where `word` is in the code, as a whole word of the product.
    pub fn words(&self, word: &str) -> Vec<usize> {
        let part_of_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let bytes = self.code.as_bytes();
        self.code
            .match_indices(word)
            .map(|(at, _)| at)
            .filter(|&at| !part_of_word(at.checked_sub(1).map(|before| &bytes[before])))
            .filter(|&at| !part_of_word(bytes.get(at + word.len())) && self.is_product(at))
            .collect()
    }
}

/// Every Rust file below a `src` folder of the workspace that is part of the product.
pub fn product() -> Vec<Source> {
    let all = files("/src/");
    let for_tests: BTreeSet<String> = all.iter().flat_map(test_modules).collect();
    all.into_iter().filter(|source| !for_tests.iter().any(|test| source.path.starts_with(test.as_str()))).collect()
}

/// Every Rust file of the workspace whose path holds `part`.
pub fn files(part: &str) -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    for folder in ["shared", "services"] {
        walk(&root.join(folder), "rs", &mut paths);
    }
    paths.sort();
    let wanted = paths.iter().filter(|path| path.to_string_lossy().contains(part));
    wanted.map(|path| Source::read(&root, path)).collect()
}

/// Every file below `folder` with this extension.
pub fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

/// The parts of `code` that an attribute `#[cfg(test)]` covers: to the end of the item's braces, or its semicolon.
fn test_parts(code: &str) -> Vec<Range<usize>> {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let parts = code.match_indices(ATTRIBUTE).map(|(start, _)| {
        let mut depth = 0usize;
        for (offset, byte) in code.bytes().enumerate().skip(start + ATTRIBUTE.len()) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(byte, b'}' | b';') {
                return start..offset + 1;
            }
        }
        start..code.len()
    });
    parts.collect()
}

/// The paths, without extension, of the modules that a file declares for tests only.
fn test_modules(source: &Source) -> Vec<String> {
    let declared = source.tests.iter().filter_map(|part| {
        let item = source.code[part.clone()].trim_end().strip_suffix(';')?;
        item.rsplit_once("mod ").map(|(_, name)| name.trim().to_owned())
    });
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let own = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        other => format!("{folder}/{}", other.trim_end_matches(".rs")),
    };
    // `#[path = "x_tests.rs"]` names a file beside the one that declares it.
    let named = source.literals.iter().filter(|(at, text)| !source.is_product(*at) && text.ends_with(".rs"));
    let named = named.map(|(_, text)| format!("{folder}/{text}")).collect::<Vec<_>>();
    declared.flat_map(|name| [format!("{own}/{name}.rs"), format!("{own}/{name}/")]).chain(named).collect()
}

/// The code with comments and literals turned into spaces, and the string literals.
fn lex(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("//") {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            end_of_block_comment(bytes, at)
        } else if let Some(quote) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(quote - 2));
            let body = at + quote;
            let end = body + text[body..].find(&close).unwrap_or(text.len() - body - close.len());
            literals.push((at, text[body..end].to_owned()));
            end + close.len()
        } else if bytes[at] == b'"' {
            let end = end_of_string(bytes, at + 1);
            literals.push((at, text[at + 1..end - 1].to_owned()));
            end
        } else if bytes[at] == b'\'' {
            end_of_character(text, at)
        } else {
            at += 1 + text[at + 1..].bytes().take_while(|b| (b & 0xC0) == 0x80).count();
            continue;
        };
        code[at..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
        at = end;
    }
    (String::from_utf8(code).expect("only whole characters were blanked"), literals)
}

/// The length of `r"`, `r#"`, … at the start of `rest`.
fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.strip_prefix('r')?.bytes().take_while(|b| *b == b'#').count();
    (rest.as_bytes().get(1 + hashes) == Some(&b'"')).then_some(2 + hashes)
}

fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

fn end_of_block_comment(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The end of a character literal; of a lifetime only the quote.
fn end_of_character(text: &str, at: usize) -> usize {
    let mut rest = text[at + 1..].char_indices();
    match rest.next() {
        Some((_, '\\')) => at + 1 + text[at + 3..].find('\'').map_or(0, |end| end + 3),
        Some(_) if rest.next().is_some_and(|(_, next)| next == '\'') => {
            at + 2 + text[at + 1..].chars().next().map_or(0, char::len_utf8)
        }
        _ => at + 1,
    }
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let (code, literals) =
        lex("use a; // tonic::\nlet x = \"b\\\"c\"; /* /* redis */ */ let y: &'a str = r#\"d\"e\"#; 'q'; '\\'';");
    assert_eq!(literals.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["b\\\"c", "d\"e"]);
    assert!(!code.contains("tonic") && !code.contains("redis") && code.contains("let y: & a str"), "{code}");
}
