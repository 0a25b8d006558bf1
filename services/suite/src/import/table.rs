//! A file of the export with its columns by name: rows whose values can be asked for, and what is wrong with them.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use super::mapping::{LineStart, Mapping};
use super::record::{Cut, Record, Records};
use super::rejects::{Place, Rejects};
use crate::failed::{Done, Failed};

/// What is wrong with one field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The column; empty where it is about the whole record.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl Fault {
    /// A fault of this column.
    pub fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }
}

/// A file of the export.
pub struct Table {
    file: Arc<str>,
    columns: Vec<String>,
    start: Option<LineStart>,
    records: Records<BufReader<Box<dyn Read>>>,
}

/// One row.
pub struct Row<'a> {
    columns: &'a [String],
    start: Option<&'a LineStart>,
    fields: Vec<Vec<u8>>,
    /// Where it stands.
    pub place: Place,
    /// Why it cannot be taken apart, where it is cut.
    pub cut: Option<String>,
}

impl Table {
    /// Opens a file that must have these columns. `None` where its header is wrong, which is noted: the rest of the
    /// export can go in without it.
    ///
    /// # Errors
    /// A file that is not there or cannot be read.
    pub fn open(
        dir: &Path,
        file: &str,
        columns: &[&str],
        mapping: &Mapping,
        rejects: &mut Rejects,
    ) -> Done<Option<Self>> {
        let categories = mapping.categories.as_ref().is_some_and(|categories| categories.file == file);
        let start = mapping.line_start.clone().filter(|_| !categories);
        let path = dir.join(file);
        let failed = |error| Failed::new(format!("{} cannot be read: {error}", path.display()));
        let input: Box<dyn Read> = Box::new(File::open(&path).map_err(failed)?);
        let delimiter = u8::try_from(mapping.format.delimiter).unwrap_or(b',');
        let mut records = Records::new(BufReader::new(input), delimiter, start.clone());
        let place = Place { file: file.into(), line: 1 };
        let header = match records.header().map_err(failed)? {
            Some(Ok(Record { fields, .. })) => names(fields),
            Some(Err(Cut { reason, .. })) => return rejects.nothing(&place, "", format!("a wrong header: {reason}")),
            None => return rejects.nothing(&place, "", "a wrong header: the file is empty"),
        };
        for column in columns {
            match header.iter().filter(|name| name == column).count() {
                1 => {}
                0 => return rejects.nothing(&place, column, "a wrong header: it has no such column"),
                _ => return rejects.nothing(&place, column, "a wrong header: it has this column twice"),
            }
        }
        Ok(Some(Self { file: place.file, columns: header, start, records }))
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn row(&mut self) -> Done<Option<Row<'_>>> {
        let read = self.records.read();
        let read = read.map_err(|error| Failed::new(format!("{} cannot be read on: {error}", self.file)))?;
        let row = |line, fields, cut| {
            let place = Place { file: Arc::clone(&self.file), line };
            Row { columns: &self.columns, start: self.start.as_ref(), fields, place, cut }
        };
        Ok(read.map(|record| match record {
            Ok(Record { line, fields }) => row(line, fields, None),
            Err(Cut { line, reason, fields }) => row(line, fields, Some(reason)),
        }))
    }
}

impl Rejects {
    fn nothing(&mut self, place: &Place, field: &str, reason: impl Into<String>) -> Done<Option<Table>> {
        self.add(place, field, reason);
        Ok(None)
    }
}

/// The columns' names, without the mark that some programs put before UTF-8.
fn names(fields: Vec<Vec<u8>>) -> Vec<String> {
    let name = |field: Vec<u8>| String::from_utf8_lossy(&field).trim().trim_start_matches('\u{feff}').to_owned();
    fields.into_iter().map(name).collect()
}

impl Row<'_> {
    /// Whether it can be taken at all: whole, UTF-8 in every field, and begun by a key.
    pub fn check(&self) -> Result<(), Fault> {
        if let Some(reason) = &self.cut {
            return Err(Fault::new("", reason));
        }
        for (column, field) in self.columns.iter().zip(&self.fields) {
            if std::str::from_utf8(field).is_err() {
                return Err(Fault::new(column, "bytes that are not UTF-8"));
            }
        }
        if let (Some(start), [column, ..], [first, ..]) = (self.start, self.columns, self.fields.as_slice())
            && !start.fits(first)
        {
            let LineStart { characters, length } = start;
            return Err(Fault::new(column, format!("is no key: {length} of {characters} are")));
        }
        Ok(())
    }

    /// The text of a column, empty where it has none, without blanks at its ends.
    pub fn text(&self, column: &str) -> Cow<'_, str> {
        let at = self.columns.iter().position(|name| name == column);
        let field = at.and_then(|at| self.fields.get(at)).map(Vec::as_slice).unwrap_or_default();
        match String::from_utf8_lossy(field) {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        }
    }

    /// The same, empty for a column that the mapping does not name.
    pub fn optional(&self, column: Option<&String>) -> Cow<'_, str> {
        column.map(|column| self.text(column)).unwrap_or_default()
    }

    /// The text of a column that must have one.
    ///
    /// # Errors
    /// The column, where it is empty.
    pub fn required(&self, column: &str) -> Result<Cow<'_, str>, Fault> {
        let text = self.text(column);
        if text.is_empty() { Err(Fault::new(column, "is empty")) } else { Ok(text) }
    }

    /// The value of a column that must have one.
    ///
    /// # Errors
    /// The column, and why `read` would not have it.
    pub fn read<T>(&self, column: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Fault> {
        read(&self.required(column)?).map_err(|reason| Fault::new(column, reason))
    }

    /// The same, where it may be empty.
    ///
    /// # Errors
    /// The column, and why `read` would not have it.
    pub fn read_optional<T>(
        &self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Fault> {
        if self.text(column).is_empty() { Ok(None) } else { self.read(column, read).map(Some) }
    }

    /// What a column says even of a row that is cut: whose row it is. Its last field may be cut, so it does not count.
    pub fn key(&self, column: &str) -> Option<String> {
        let at = self.columns.iter().position(|name| name == column)?;
        let readable = self.cut.is_none() || at + 1 < self.fields.len();
        let key = self.text(column);
        (readable && !key.is_empty()).then(|| key.into_owned())
    }
}
