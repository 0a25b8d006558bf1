//! What an import left out, and why: a CSV file with file, first line, field and reason.

use std::path::Path;

use crate::failed::{Done, Failed};
use crate::load::Refusal;

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The file, as it is called in the export's directory.
    pub file: String,
    /// The first line of the record, from 1.
    pub line: u64,
    /// The column; empty where it is about the whole record.
    pub field: String,
    /// Why.
    pub reason: String,
}

/// Where a record stands: its file and first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: std::sync::Arc<str>,
    /// The line.
    pub line: u64,
}

/// Everything that was left out.
#[derive(Debug, Default)]
pub struct Rejects(Vec<Reject>);

impl Rejects {
    /// Leaves out the record at this place.
    pub fn add(&mut self, place: &Place, field: &str, reason: impl Into<String>) {
        let (file, field, reason) = (place.file.to_string(), field.to_owned(), reason.into());
        self.0.push(Reject { file, line: place.line, field, reason });
    }

    /// The same, because a service refused it.
    pub fn refused(&mut self, place: &Place, refusal: Refusal) {
        self.add(place, &refusal.field, refusal.reason);
    }

    /// All of them, by file and line.
    pub fn sorted(mut self) -> Vec<Reject> {
        self.0.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        self.0
    }
}

/// Writes them to a file.
///
/// # Errors
/// A file that cannot be written.
pub fn write(rejects: &[Reject], file: &Path) -> Done {
    let write = || -> csv::Result<()> {
        let mut writer = csv::Writer::from_path(file)?;
        writer.write_record(["file", "line", "field", "reason"])?;
        for Reject { file, line, field, reason } in rejects {
            writer.write_record([file, &line.to_string(), field, reason])?;
        }
        writer.flush()?;
        Ok(())
    };
    write().map_err(|error| Failed::new(format!("the file of rejects {} cannot be written: {error}", file.display())))
}
