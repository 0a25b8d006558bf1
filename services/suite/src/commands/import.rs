//! `guanxi import`: loads a shop system's export.

use std::path::PathBuf;

use clap::Args;

use crate::connection::Connection;
use crate::failed::{Done, Failed};
use crate::import::{self, Mapping};

/// Where the rejects go unless it is said.
pub const REJECTS: &str = "rejects.csv";

/// Load a shop system's export of CSV files
///
/// They go through the services' streams; it returns when all that the services tell each other has settled. Done again,
/// it loads what is new and changes nothing else. What cannot be loaded is left out and told.
#[derive(Debug, Args)]
pub struct Import {
    /// `olist DIR`, the export of Olist; or DIR alone with --mapping
    #[arg(value_name = "[olist] DIR", num_args = 1..=2, required = true)]
    export: Vec<PathBuf>,
    /// What the files mean: a TOML file; olist.toml in the sources explains it
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Where to write what was left out, and why
    #[arg(long, value_name = "FILE", default_value = REJECTS)]
    rejects: PathBuf,
    /// Return when all is sent, before it has settled
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Import {
    /// Loads it.
    ///
    /// # Errors
    /// A mapping or file that cannot be read, or a service that does not answer.
    pub async fn run(self) -> Done {
        let (mapping, dir) = match (&self.mapping, self.export.as_slice()) {
            (Some(file), [dir]) => (Mapping::read(file)?, dir),
            (None, [name, dir]) if name.as_os_str() == "olist" => (Mapping::olist()?, dir),
            _ => return Err(Failed::usage("write guanxi import olist DIR, or guanxi import --mapping FILE DIR")),
        };
        if !dir.is_dir() {
            return Err(Failed::usage(format!("{} is not a directory", dir.display())));
        }
        let client = self.connection.client()?;
        let import = import::Import { dir, mapping: &mapping, rejects: &self.rejects, wait: !self.no_wait };
        import.run(&client).await
    }
}
