//! From a tree of raw settings to a typed section, finding every fault on the way rather than the first.

use config::{ConfigError, Map, Value, ValueKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::faults::{Fault, Faults};
use super::secret::{MASK, masked};

/// Raw settings by key.
pub(super) type Table = Map<String, Value>;

/// The typed form of the section called `name`, which `raw` gives in part and `defaults` in full. `None` where it
/// cannot be built at all; what is wrong is added to `faults` in either case.
pub(super) fn typed<T>(name: &str, raw: Table, defaults: &T, faults: &mut Faults) -> Option<T>
where
    T: Serialize + DeserializeOwned,
{
    let schema: Value = serde_json::to_value(defaults).and_then(serde_json::from_value).expect("defaults serialise");
    let mut table = schema.clone().into_table().expect("a section is a struct or a map");
    overlay(name, &mut table, raw, faults);
    let mut root = Value::new(None, ValueKind::Table(table));
    // Each round repairs one value that does not fit, with its default, so that the next one comes to light.
    for _ in 0..256 {
        let error = match root.clone().try_deserialize::<T>() {
            Ok(section) => return Some(section),
            Err(error) => error,
        };
        let (path, rule) = explain(&error);
        let default = at(&schema, &path).cloned();
        let Some(slot) = at_mut(&mut root, &path) else {
            faults.require_that(false, &join(name, &path), &rule);
            return None;
        };
        let shown = default.as_ref().is_none_or(|default| !is_secret(default));
        faults.push(Fault { path: join(name, &path), value: shown.then(|| show(slot)), origin: origin(slot), rule });
        match default {
            Some(default) if default != *slot => *slot = default,
            _ => return None,
        }
    }
    None
}

/// Lays `raw` over the defaults in `table`. A key that has no default is unknown, except in a table whose default is
/// empty: its keys are the user's.
fn overlay(path: &str, table: &mut Table, raw: Table, faults: &mut Faults) {
    let free = table.is_empty();
    for (key, value) in raw {
        let path = join(path, &key);
        match (table.get_mut(&key).map(|slot| &mut slot.kind), value.kind.clone()) {
            (Some(ValueKind::Table(below)), ValueKind::Table(raw)) => overlay(&path, below, raw, faults),
            (Some(ValueKind::Table(_)), _) => faults.push(Fault {
                path,
                value: Some(show(&value)),
                origin: origin(&value),
                rule: "must be a section with keys of its own".to_owned(),
            }),
            (Some(_), _) => {
                table.insert(key, value);
            }
            (None, _) if free => {
                table.insert(key, value);
            }
            (None, _) => faults.push(unknown(path, &value)),
        }
    }
}

/// A key that nobody reads.
fn unknown(path: String, value: &Value) -> Fault {
    Fault { path, value: None, origin: origin(value), rule: "is not a setting".to_owned() }
}

/// The path that an error is about, relative to the section, and the rule that was broken there.
fn explain(error: &ConfigError) -> (String, String) {
    match error {
        ConfigError::Type { expected, key, .. } => (key.clone().unwrap_or_default(), format!("must be {expected}")),
        ConfigError::At { error, key, .. } => {
            let (inner, rule) = explain(error);
            let key = key.clone().unwrap_or_default();
            (if inner.is_empty() { key } else { join(&key, &inner) }, rule)
        }
        ConfigError::NotFound(key) => (key.clone(), "is missing".to_owned()),
        ConfigError::Message(rule) if rule.starts_with("must ") => (String::new(), rule.clone()),
        other => (String::new(), format!("is wrong: {other}")),
    }
}

fn at<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(root, |value, key| match &value.kind {
        ValueKind::Table(table) => table.get(key),
        _ => None,
    })
}

fn at_mut<'a>(root: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(root, |value, key| match &mut value.kind {
        ValueKind::Table(table) => table.get_mut(key),
        _ => None,
    })
}

fn join(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, "") => path.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}

/// Where a value, or the first one below it, was given.
fn origin(value: &Value) -> Option<String> {
    match (&value.kind, value.origin()) {
        (_, Some(origin)) => Some(origin.to_owned()),
        (ValueKind::Table(table), None) => table.values().find_map(origin),
        _ => None,
    }
}

fn is_secret(default: &Value) -> bool {
    matches!(&default.kind, ValueKind::String(text) if text == MASK)
}

fn show(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{:?}", masked(text)),
        ValueKind::Table(_) => "{…}".to_owned(),
        ValueKind::Array(_) => "[…]".to_owned(),
        other => other.to_string(),
    }
}
