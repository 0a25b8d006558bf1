//! Field masks (AIP-134): which fields an update changes.

use std::collections::BTreeSet;

use crate::refusal::Refused;

/// The fields that an update names, checked against those that may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMask(BTreeSet<&'static str>);

impl FieldMask {
    /// Reads a mask. `changeable` are the paths that an update may change; no paths, or `*`, mean all of them.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with one violation that names every path that may not be changed.
    pub fn parse<S: AsRef<str>>(paths: &[S], changeable: &[&'static str]) -> Result<Self, Refused> {
        if paths.is_empty() || paths.iter().any(|p| p.as_ref() == "*") {
            return Ok(Self(changeable.iter().copied().collect()));
        }
        let mut known = BTreeSet::new();
        let mut unknown = Vec::new();
        for path in paths {
            match changeable.iter().find(|&&c| c == path.as_ref()) {
                Some(path) => {
                    known.insert(*path);
                }
                None => unknown.push(format!("{:?}", path.as_ref())),
            }
        }
        if unknown.is_empty() {
            return Ok(Self(known));
        }
        let description = format!("{} cannot be changed: one of {}", unknown.join(", "), changeable.join(", "));
        Err(Refused::invalid("update_mask", "FIELD_MASK_PATH_UNKNOWN", description))
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
        let [violation] = wrong.field_violations() else { panic!("one violation for the one field: {wrong:?}") };
        assert_eq!(violation.description, "\"x\", \"y\" cannot be changed: one of labels");
    }
}
