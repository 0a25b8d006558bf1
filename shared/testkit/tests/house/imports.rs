//! Who may import whom: between our crates, of the crates of others, and between the layers of a service.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::source::{Source, product, root};

const SERVICES: [&str; 4] = ["customer", "loyalty", "logistics", "feedback"];
const SHARED: [&str; 7] = ["kernel", "contracts", "store", "messaging", "rpc", "runtime", "client"];

/// What the product of one of our crates may depend on, of our crates.
fn may_depend_on(name: &str) -> Vec<&'static str> {
    match name {
        "kernel" | "contracts" => vec![],
        "store" => vec!["kernel"],
        "messaging" => vec!["kernel", "contracts", "store"],
        "rpc" => vec!["kernel", "contracts"],
        "client" => vec!["kernel", "contracts", "rpc"],
        "runtime" => vec!["kernel", "contracts", "rpc", "store", "messaging"],
        "testkit" => SHARED.to_vec(),
        "suite" => [SERVICES.as_slice(), &["runtime", "client", "contracts", "kernel", "rpc"]].concat(),
        "e2e" => vec!["contracts", "client", "testkit"],
        service if SERVICES.contains(&service) => SHARED.to_vec(),
        other => panic!("guanxi-{other} is new: say here what it may depend on"),
    }
}

/// Which of our crates may name a crate of others at all.
fn may_be_named_by(third: &str) -> Option<Vec<&'static str>> {
    let grpc = ["contracts", "rpc", "client", "runtime", "testkit", "suite", "e2e"];
    match third {
        "redis" => Some(vec!["messaging"]),
        "sea-orm" | "sea-orm-migration" => Some([SERVICES.as_slice(), &["store"]].concat()),
        "tonic" | "tonic-types" | "prost" => Some([SERVICES.as_slice(), &grpc].concat()),
        "tokio" => Some([SERVICES.as_slice(), &grpc, &["store", "messaging"]].concat()),
        "axum" | "config" | "tracing-subscriber" => Some(vec!["runtime"]),
        _ => None,
    }
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let mut wrong = Vec::new();
    for package in packages() {
        let allowed = may_depend_on(&package.name);
        for (dependency, kind) in &package.dependencies {
            if let Some(ours) = dependency.strip_prefix("guanxi-") {
                let for_tests = kind == "dev" && (ours == "testkit" || ours == "client");
                if !allowed.contains(&ours) && !for_tests {
                    wrong.push(format!("{} depends on {ours}", package.name));
                }
            } else if let Some(allowed) = may_be_named_by(dependency)
                && !allowed.contains(&package.name.as_str())
                && kind != "dev"
            {
                wrong.push(format!("{} depends on {dependency}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "see docs/contributing.md:\n{}", wrong.join("\n"));
}

/// The layers of a service: what each may use, and the crates of others that only it may name.
fn layers() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    BTreeMap::from([
        ("domain", BTreeSet::from(["domain"])),
        ("settings", BTreeSet::from(["domain", "settings"])),
        // What a write says to others is written with it.
        ("store", BTreeSet::from(["domain", "settings", "store", "events::outgoing"])),
        ("events", BTreeSet::from(["domain", "settings", "store", "events"])),
        ("jobs", BTreeSet::from(["domain", "settings", "store", "events", "jobs"])),
        ("api", BTreeSet::from(["domain", "settings", "store", "events", "jobs", "api"])),
    ])
}

#[test]
fn layers_of_a_service_use_only_those_below_them() {
    let layers = layers();
    let mut wrong = Vec::new();
    for source in product().iter().filter(|source| is_service(source)) {
        let Some(layer) = source.modules().first().copied() else { continue };
        let Some(allowed) = layers.get(layer) else {
            wrong.push(format!("{}: {layer} is no layer of a service", source.path));
            continue;
        };
        for (at, other) in from_the_top(source) {
            let whole = other.split("::").next().unwrap_or_default();
            if !allowed.contains(other.as_str()) && !allowed.contains(whole) {
                wrong.push(format!("{}:{}: {layer} uses {other}", source.path, source.line(at)));
            }
        }
    }
    assert!(wrong.is_empty(), "see docs/contributing.md:\n{}", wrong.join("\n"));
}

#[test]
fn crates_of_others_are_named_only_where_they_belong() {
    let io = ["tokio", "tonic", "prost", "sea_orm", "sea_orm_migration", "redis"];
    let outside_domain = ["chrono", "futures", "async_trait", "tracing", "guanxi_contracts", "guanxi_store"];
    let outside_domain = [outside_domain.as_slice(), &["guanxi_messaging", "guanxi_rpc", "guanxi_runtime"]].concat();
    let mut wrong = Vec::new();
    for source in &product() {
        let layer = source.modules().first().copied().unwrap_or("lib");
        let banned: Vec<&str> = match source.crate_folder() {
            "shared/kernel" => io.to_vec(),
            _ if is_service(source) => match layer {
                "domain" => [io.as_slice(), &outside_domain, &["async", "await"]].concat(),
                "store" => vec!["tonic", "guanxi_rpc"],
                "events" | "jobs" => vec!["tonic", "sea_orm", "sea_orm_migration"],
                _ => vec!["sea_orm", "sea_orm_migration"],
            },
            _ => vec![],
        };
        for word in banned {
            for at in source.words(word) {
                wrong.push(format!("{}:{}: {layer} names {word}", source.path, source.line(at)));
            }
        }
    }
    assert!(wrong.is_empty(), "see docs/contributing.md:\n{}", wrong.join("\n"));
}

fn is_service(source: &Source) -> bool {
    SERVICES.iter().any(|service| source.crate_folder() == format!("services/{service}"))
}

/// The modules at the top of its crate that a file names, by `crate::x` or by `super::…::x`.
fn from_the_top(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in source.words("crate") {
        found.extend(heads(&source.code[at + "crate".len()..]).into_iter().map(|head| (at, head)));
    }
    // A file `x/mod.rs` and a file `x.rs` are both module `x`; one `super` leads to the module above it.
    let depth = source.modules().len();
    for at in source.words("super").into_iter().filter(|&at| !source.code[..at].ends_with("super::")) {
        let mut rest = &source.code[at..];
        let mut ups = 0;
        while let Some(above) = rest.strip_prefix("super") {
            (ups, rest) = (ups + 1, above);
            rest = rest.strip_prefix("::").filter(|next| next.starts_with("super")).unwrap_or(rest);
        }
        if ups == depth {
            found.extend(heads(rest).into_iter().map(|head| (at, head)));
        }
    }
    found
}

/// The first segments of the paths after `::`, of which there are several in braces.
fn heads(rest: &str) -> Vec<String> {
    let Some(rest) = rest.strip_prefix("::") else { return Vec::new() };
    let Some(group) = rest.strip_prefix('{') else { return head(rest).into_iter().collect() };
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b',' | b'}' if depth == 0 => {
                names.extend(head(&group[start..at]));
                start = at + 1;
                if byte == b'}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// A module's name at the start; types and functions at the top of a crate are not modules.
fn head(rest: &str) -> Option<String> {
    let rest = rest.trim_start();
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if rest.starts_with("events::outgoing") {
        return Some("events::outgoing".to_owned());
    }
    let is_module = rest[name.len()..].starts_with("::") && name.starts_with(|c: char| c.is_lowercase());
    is_module.then_some(name)
}

struct Package {
    /// Without `guanxi-`.
    name: String,
    /// Names and kinds: `normal`, `dev`, `build`.
    dependencies: Vec<(String, String)>,
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or("normal").to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter().map(|package| Package {
        name: text(package, "name").trim_start_matches("guanxi-").to_owned(),
        dependencies: package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter()
            .map(|dependency| (text(dependency, "name"), text(dependency, "kind")))
            .collect(),
    });
    packages.collect()
}

#[test]
fn paths_from_the_top_are_found() {
    assert_eq!(heads("::store::orders;"), ["store"]);
    assert_eq!(heads("::{domain::{a, b}, store::c, Thing, api};"), ["domain", "store"]);
    assert!(heads("::Settings;").is_empty() && heads(")").is_empty());
}
