//! Field masks (AIP-134): which fields an update changes.

use std::collections::BTreeSet;

use crate::refusal::{Refused, Violation};

/// The fields that an update names, checked against those that may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMask(BTreeSet<&'static str>);

impl FieldMask {
    /// Reads a mask. `changeable` are the paths that an update may change; no paths, or `*`, mean all of them.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with a violation for each path that may not be changed.
    pub fn parse<S: AsRef<str>>(paths: &[S], changeable: &[&'static str]) -> Result<Self, Refused> {
        if paths.is_empty() || paths.iter().any(|p| p.as_ref() == "*") {
            return Ok(Self(changeable.iter().copied().collect()));
        }
        let mut known = BTreeSet::new();
        let mut violations = Vec::new();
        for path in paths {
            match changeable.iter().find(|&&c| c == path.as_ref()) {
                Some(path) => {
                    known.insert(*path);
                }
                None => violations.push(Violation {
                    field: "update_mask".into(),
                    rule: "FIELD_MASK_PATH_UNKNOWN".into(),
                    description: format!("{:?} cannot be changed: one of {}", path.as_ref(), changeable.join(", ")),
                }),
            }
        }
        if violations.is_empty() { Ok(Self(known)) } else { Err(Refused::violations(violations)) }
    }

    /// Whether the update changes `path`.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_path_is_refused_and_no_path_means_all() {
        let all = FieldMask::parse::<&str>(&[], &["display_name", "labels"]).expect("a mask");
        assert!(all.has("display_name") && all.has("labels"));
        let one = FieldMask::parse(&["labels"], &["display_name", "labels"]).expect("a mask");
        assert!(!one.has("display_name") && one.has("labels"));
        let wrong = FieldMask::parse(&["x", "labels", "y"], &["labels"]).expect_err("x and y are unknown");
        assert_eq!(wrong.field_violations().len(), 2);
    }
}
