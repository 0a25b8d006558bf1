//! Records of a CSV file, one at a time, and how reading goes on after one that is broken: what is cut costs itself
//! only, not the rest of the file.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use super::mapping::LineStart;

/// A record of more lines is a cut line: its quotes were never closed.
const LONGEST: usize = 64;

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Its first line, from 1.
    pub line: u64,
    /// Its fields, without their quotes.
    pub fields: Vec<Vec<u8>>,
}

/// A record that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its first line, from 1.
    pub line: u64,
    /// Why, and which lines are left out with it.
    pub reason: String,
    /// The fields that could be read before it broke; the last one may be cut.
    pub fields: Vec<Vec<u8>>,
}

/// The records of a file.
pub struct Records<R> {
    input: R,
    delimiter: u8,
    start: Option<LineStart>,
    width: Option<usize>,
    /// Lines that were read and belong to no record yet.
    ahead: VecDeque<Vec<u8>>,
    line: u64,
}

impl<R: BufRead> Records<R> {
    /// Reads from `input`. `start` says what the first field of a record looks like.
    pub fn new(input: R, delimiter: u8, start: Option<LineStart>) -> Self {
        Self { input, delimiter, start, width: None, ahead: VecDeque::new(), line: 1 }
    }

    /// The first record: the names of the columns. The others must have as many fields.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn header(&mut self) -> io::Result<Option<Result<Record, Cut>>> {
        let header = self.read()?;
        if let Some(Ok(record)) = &header {
            self.width = Some(record.fields.len());
        }
        Ok(header)
    }

    /// The next record, or what is there instead; `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Result<Record, Cut>>> {
        let first = loop {
            match self.take()? {
                None => return Ok(None),
                Some(line) if line.iter().all(|byte| matches!(byte, b'\n' | b'\r')) => self.line += 1,
                Some(line) => break line,
            }
        };
        let mut parser = Parser::new(self.delimiter);
        let mut lines = vec![first];
        let mut state = parser.line(&lines[0]);
        while matches!(state, State::Open) && lines.len() < LONGEST {
            let Some(next) = self.take()? else { break };
            state = parser.line(&next);
            lines.push(next);
        }
        let (line, fields) = (self.line, parser.fields);
        let found = fields.len();
        let broken = match (state, self.width) {
            (State::Complete, Some(width)) if found != width => {
                format!("a cut line: {found} fields where the header has {width}")
            }
            (State::Complete, _) => {
                self.line += lines.len() as u64;
                return Ok(Some(Ok(Record { line, fields })));
            }
            (State::Open, _) if lines.len() == LONGEST => {
                format!("a cut line: its quotes do not close in {LONGEST} lines")
            }
            (State::Open, _) => "a cut line: the file ends within its quotes".to_owned(),
            (State::Broken, _) => "a cut line: something follows its closing quotes".to_owned(),
        };
        for line in lines.into_iter().skip(1).rev() {
            self.ahead.push_front(line);
        }
        self.line += 1;
        self.skip_to_a_start()?;
        let with = self.line - line - 1;
        let reason = if with == 0 { broken } else { format!("{broken}; left out up to line {}", self.line - 1) };
        Ok(Some(Err(Cut { line, reason, fields })))
    }

    /// Leaves out lines until one looks like a record's first.
    fn skip_to_a_start(&mut self) -> io::Result<()> {
        while let Some(line) = self.take()? {
            if is_start(&line, self.start.as_ref(), self.delimiter) {
                self.ahead.push_front(line);
                break;
            }
            self.line += 1;
        }
        Ok(())
    }

    fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let read = self.input.read_until(b'\n', &mut line)?;
        Ok((read > 0).then_some(line))
    }
}

/// Whether a line begins with a key.
fn is_start(line: &[u8], start: Option<&LineStart>, delimiter: u8) -> bool {
    let Some(start) = start else { return true };
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    match line.split_at_checked(start.length) {
        Some((key, rest)) => start.fits(key) && rest.strip_prefix(b"\"").unwrap_or(rest).first() == Some(&delimiter),
        None => false,
    }
}

/// Where a record stands after a line.
enum State {
    /// It ended with the line.
    Complete,
    /// Its quotes are open.
    Open,
    /// It cannot be read.
    Broken,
}

/// Takes a record apart, line by line.
struct Parser {
    delimiter: u8,
    fields: Vec<Vec<u8>>,
    /// Whether the last field's quotes are open.
    quoted: bool,
}

impl Parser {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, fields: Vec::new(), quoted: false }
    }

    fn line(&mut self, line: &[u8]) -> State {
        let mut rest = line;
        loop {
            if !self.quoted {
                match rest {
                    [b'"', after @ ..] => {
                        self.fields.push(Vec::new());
                        self.quoted = true;
                        rest = after;
                    }
                    _ => {
                        let end = rest.iter().position(|byte| *byte == self.delimiter).unwrap_or(rest.len());
                        let Some(after) = rest.get(end + 1..) else {
                            self.fields.push(without_break(rest).to_vec());
                            return State::Complete;
                        };
                        self.fields.push(rest[..end].to_vec());
                        rest = after;
                        continue;
                    }
                }
            }
            let field = self.fields.last_mut().expect("a quoted field was begun");
            loop {
                let Some(end) = rest.iter().position(|byte| *byte == b'"') else {
                    field.extend_from_slice(rest);
                    return State::Open;
                };
                field.extend_from_slice(&rest[..end]);
                rest = &rest[end + 1..];
                let [b'"', after @ ..] = rest else { break };
                field.push(b'"');
                rest = after;
            }
            self.quoted = false;
            match rest {
                [] | [b'\n'] | [b'\r', b'\n'] => return State::Complete,
                [delimiter, after @ ..] if *delimiter == self.delimiter => rest = after,
                _ => return State::Broken,
            }
        }
    }
}

/// A line without what ends it.
fn without_break(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
        text => text,
    }
}

#[cfg(test)]
mod tests;
