//! Rows written in sets: one statement for each table and flush, whatever the number of rows, in both databases
//! (`unnest` of one array for each column on PostgreSQL, `json_each` of one document on SQLite).

use guanxi_kernel::{Timestamp, Uuid};
use sea_orm::{DbBackend, Value};

use crate::change::{Change, How};
use crate::{Result, Tx, time};

/// The database that rows go to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// SQLite or PostgreSQL.
    pub(crate) backend: DbBackend,
    /// Whether Citus spreads it over servers.
    pub(crate) spread: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A UUID.
    Uuid,
    /// A 64-bit integer.
    Int,
    /// A text. One that is [`NULL_TEXT`] alone would come back as NULL.
    Text,
    /// Bytes.
    Bytes,
    /// An instant, in microseconds.
    Time,
    /// True or false; never NULL.
    Bool,
}

/// What stands for NULL among texts on their way to PostgreSQL: no caller means it.
const NULL_TEXT: &str = "\u{1}NULL\u{1}";

/// A column of a table that is written in sets.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    name: &'static str,
    holds: Type,
    nullable: bool,
}

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident => $holds:ident),* $(,)?) => {
        $($(#[$doc])* pub const fn $name(name: &'static str) -> Self {
            Self { name, holds: Type::$holds, nullable: false }
        })*
    };
}

impl Column {
    columns! {
        /// A UUID.
        uuid => Uuid,
        /// A 64-bit integer.
        int => Int,
        /// A text.
        text => Text,
        /// Bytes.
        bytes => Bytes,
        /// An instant.
        time => Time,
        /// True or false.
        bool => Bool,
    }

    /// The same column, which may hold NULL. Not for [`Type::Bool`].
    pub const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }
}

/// A table and those of its columns that a set names.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    name: &'static str,
    columns: &'static [Column],
}

impl Table {
    /// A table with its columns, in the order in which rows are pushed.
    pub const fn new(name: &'static str, columns: &'static [Column]) -> Self {
        Self { name, columns }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Its columns' names, in their order.
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.name)
    }
}

/// A value of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A UUID.
    Uuid(Uuid),
    /// A 64-bit integer.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An instant.
    Time(Timestamp),
    /// True or false.
    Bool(bool),
}

macro_rules! cells {
    ($($from:ty => |$value:ident| $cell:expr),* $(,)?) => {
        $(impl From<$from> for Cell { fn from($value: $from) -> Self { $cell } })*
    };
}

cells! {
    Uuid => |v| Self::Uuid(v),
    i64 => |v| Self::Int(v),
    i32 => |v| Self::Int(v.into()),
    u32 => |v| Self::Int(v.into()),
    String => |v| Self::Text(v),
    &str => |v| Self::Text(v.to_owned()),
    Vec<u8> => |v| Self::Bytes(v),
    Timestamp => |v| Self::Time(v),
    bool => |v| Self::Bool(v),
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Rows of one table on their way into it.
#[derive(Debug)]
pub struct Rows {
    table: &'static Table,
    cells: Vec<Vec<Cell>>,
    len: usize,
}

impl Rows {
    /// No rows yet.
    pub fn new(table: &'static Table) -> Self {
        Self { table, cells: table.columns.iter().map(|_| Vec::new()).collect(), len: 0 }
    }

    /// Adds a row: a cell for each column, in the table's order.
    pub fn push<const N: usize>(&mut self, row: [Cell; N]) {
        assert_eq!(
            N,
            self.table.columns.len(),
            "a row of {} has {} columns",
            self.table.name,
            self.table.columns.len()
        );
        for (column, cell) in self.cells.iter_mut().zip(row) {
            column.push(cell);
        }
        self.len += 1;
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Inserts them all. Does nothing where there are none.
    ///
    /// # Errors
    /// The database's; a key that exists already makes the whole transaction run again.
    pub async fn insert(self, tx: &Tx) -> Result<()> {
        self.inserting().write(tx).await.map(|_| ())
    }

    /// Inserts those whose key does not exist yet, and says how many that were.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_new(self, tx: &Tx) -> Result<u64> {
        Change::new(self, How::Insert(" ON CONFLICT DO NOTHING".to_owned())).write(tx).await
    }

    /// Inserts them; where the key (`key`: columns with commas between) exists, sets as `set` says, in terms of
    /// `excluded.column`.
    ///
    /// # Errors
    /// The database's. Two rows with one key in one set are refused by PostgreSQL: merge them first.
    pub async fn upsert(self, tx: &Tx, key: &str, set: &str) -> Result<u64> {
        self.upserting(key, set).write(tx).await
    }

    /// Updates the rows with these keys: `key` lists the columns that identify a row, all others are set.
    ///
    /// # Errors
    /// The database's.
    pub async fn update(self, tx: &Tx, key: &[&'static str]) -> Result<u64> {
        self.updating(key).write(tx).await
    }

    /// The change that [`Rows::insert`] makes, to be written with others.
    pub fn inserting(self) -> Change {
        Change::new(self, How::Insert(String::new()))
    }

    /// The change that [`Rows::upsert`] makes, to be written with others.
    pub fn upserting(self, key: &str, set: &str) -> Change {
        Change::new(self, How::Insert(format!(" ON CONFLICT ({key}) DO UPDATE SET {set}")))
    }

    /// The change that [`Rows::update`] makes, to be written with others.
    pub fn updating(self, key: &[&'static str]) -> Change {
        Change::new(self, How::Update(key.to_vec()))
    }

    /// The table.
    pub(crate) fn table(&self) -> &'static Table {
        self.table
    }

    /// A SELECT of the rows, with its parameters, which are numbered from `from` on.
    pub(crate) fn source(self, to: Target, from: usize) -> (String, Vec<Value>) {
        if to.backend == DbBackend::Postgres { self.arrays(from, to.spread) } else { self.json() }
    }

    /// The arrays are unnested side by side among what is selected: as a table (`FROM unnest(…)`), which Citus needs, each of
    /// them would be kept on the way, 2 µs for each row. A column that is the same in every row travels once: where its
    /// array has ended, its first value stands. The statement is the same either way, so it is planned once.
    fn arrays(self, from: usize, spread: bool) -> (String, Vec<Value>) {
        let mut picks = Vec::new();
        let mut arrays = Vec::new();
        let mut names = Vec::new();
        let mut columns = Vec::new();
        let mut values = Vec::new();
        for (at, (column, mut cells)) in self.table.columns.iter().zip(self.cells).enumerate() {
            let (sql_type, null) = match column.holds {
                Type::Uuid => ("uuid", "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"),
                Type::Int => ("int8", "(-9223372036854775808)::int8"),
                Type::Text => ("text", "E'\\x01NULL\\x01'"),
                Type::Bytes => ("bytea", "'\\x01'::bytea"),
                Type::Time => ("timestamptz", "'0001-01-01T00:00:00Z'::timestamptz"),
                Type::Bool => ("bool", "NULL"),
            };
            let name = column.name;
            let parameter = format!("${}::{sql_type}[]", from + at);
            // The first column is always whole: it says how many rows there are.
            let value = match at {
                0 => format!("u.{name}"),
                _ => format!("COALESCE(u.{name}, ({parameter})[1])"),
            };
            picks.push(match (column.nullable, at) {
                (true, _) => format!("NULLIF({value}, {null}) AS {name}"),
                (false, 0) => value,
                (false, _) => format!("{value} AS {name}"),
            });
            if at > 0 && cells.windows(2).all(|pair| pair[0] == pair[1]) {
                cells.truncate(1);
            }
            columns.push(format!("unnest({parameter}) AS {name}"));
            arrays.push(parameter);
            names.push(name);
            values.push(array(column, cells));
        }
        let rows = if spread {
            format!("unnest({}) AS u({})", arrays.join(", "), names.join(", "))
        } else {
            format!("(SELECT {}) AS u", columns.join(", "))
        };
        (format!("SELECT {} FROM {rows}", picks.join(", ")), values)
    }

    fn json(self) -> (String, Vec<Value>) {
        let picks: Vec<_> = self
            .table
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| match column.holds {
                Type::Uuid | Type::Bytes => format!("unhex(value->>{at}) AS {}", column.name),
                _ => format!("value->>{at} AS {}", column.name),
            })
            .collect();
        let mut rows = vec![Vec::with_capacity(self.cells.len()); self.len];
        for cells in self.cells {
            for (row, cell) in rows.iter_mut().zip(cells) {
                row.push(json_cell(cell));
            }
        }
        let document = serde_json::to_string(&rows).expect("values encode");
        (format!("SELECT {} FROM json_each(?1)", picks.join(", ")), vec![document.into()])
    }
}

fn json_cell(cell: Cell) -> serde_json::Value {
    match cell {
        Cell::Null => serde_json::Value::Null,
        Cell::Uuid(id) => id.simple().to_string().into(),
        Cell::Int(value) => value.into(),
        Cell::Text(text) => text.into(),
        Cell::Bytes(bytes) => hex(&bytes).into(),
        // As the driver writes it, so that texts compare as instants do.
        Cell::Time(at) => time::to_column(at).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false).into(),
        Cell::Bool(value) => i64::from(value).into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// One parameter with a column's cells; NULL travels as a value that the column never holds.
fn array(column: &Column, cells: Vec<Cell>) -> Value {
    let wrong = |cell: &Cell| -> ! { panic!("column {} does not hold {cell:?}", column.name) };
    match column.holds {
        Type::Uuid => cells
            .into_iter()
            .map(|cell| match cell {
                Cell::Uuid(id) => id,
                Cell::Null if column.nullable => Uuid::max(),
                other => wrong(&other),
            })
            .collect::<Vec<_>>()
            .into(),
        Type::Int => cells
            .into_iter()
            .map(|cell| match cell {
                Cell::Int(value) => value,
                Cell::Null if column.nullable => i64::MIN,
                other => wrong(&other),
            })
            .collect::<Vec<_>>()
            .into(),
        Type::Text => cells
            .into_iter()
            .map(|cell| match cell {
                Cell::Text(text) => text,
                Cell::Null if column.nullable => NULL_TEXT.to_owned(),
                other => wrong(&other),
            })
            .collect::<Vec<_>>()
            .into(),
        Type::Bytes => cells
            .into_iter()
            .map(|cell| match cell {
                Cell::Bytes(bytes) => bytes,
                Cell::Null if column.nullable => vec![1],
                other => wrong(&other),
            })
            .collect::<Vec<_>>()
            .into(),
        Type::Time => cells
            .into_iter()
            .map(|cell| match cell {
                Cell::Time(at) => time::to_column(at),
                Cell::Null if column.nullable => {
                    chrono::DateTime::from_timestamp(-62_135_596_800, 0).expect("year 1 is in range")
                }
                other => wrong(&other),
            })
            .collect::<Vec<_>>()
            .into(),
        Type::Bool => cells
            .into_iter()
            .map(|cell| match cell {
                Cell::Bool(value) => value,
                other => wrong(&other),
            })
            .collect::<Vec<_>>()
            .into(),
    }
}
