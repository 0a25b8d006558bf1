//! What is wrong with the settings: every fault at once, each with its path, its value and the rule that it breaks.

use std::fmt;

/// One setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is: `server.listen`.
    pub path: String,
    /// What was given, as it may be shown; `None` where there is nothing to show.
    pub value: Option<String>,
    /// Where it was given: a file or `the environment`; `None` where it was a flag or the rule is about several.
    pub origin: Option<String>,
    /// What it must be.
    pub rule: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " (in {origin})")?;
        }
        write!(f, " {}", self.rule)
    }
}

/// The faults found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds one.
    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds another's.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Says that the setting at `path` (such as `loyalty.ledger.lanes`) breaks `rule` unless `good`. The value goes
    /// into the message: do not pass a secret.
    pub fn require(&mut self, good: bool, path: &str, value: impl fmt::Debug, rule: &str) {
        if !good {
            self.push(Fault {
                path: path.to_owned(),
                value: Some(format!("{value:?}")),
                origin: None,
                rule: rule.to_owned(),
            });
        }
    }

    /// Says that `path` breaks `rule` unless `good`, without showing a value.
    pub fn require_that(&mut self, good: bool, path: &str, rule: &str) {
        if !good {
            self.push(Fault { path: path.to_owned(), value: None, origin: None, rule: rule.to_owned() });
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// `value`, if nothing is wrong.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [fault] = self.0.as_slice() {
            return write!(f, "1 setting is wrong: {fault}");
        }
        write!(f, "{} settings are wrong:", self.0.len())?;
        for fault in &self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
