//! `guanxi doctor`: what a start needs, looked at without starting.

use clap::Args;
use comfy_table::{Table, presets};
use guanxi_runtime::{Finding, Verdict};

use crate::commands::serve::SettingsArgs;
use crate::failed::{Done, Failed};
use crate::services;
use crate::shown::{counted, say};

/// Look at everything that a start needs, and say what to do about what is wrong
///
/// Settings, certificates, keys, databases with version, grants and migrations, Redis, clocks, peers. Changes nothing. Ends
/// with 1 where something is bad.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    settings: SettingsArgs,
    /// The Redis server that carries events between processes
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Print an array of objects: check, found, verdict, advice
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Looks, and prints what was found.
    ///
    /// # Errors
    /// Something is bad.
    pub async fn run(self) -> Done {
        let sources = self.settings.sources().flag("redis.url", self.redis);
        let found = guanxi_runtime::doctor(sources, &self.settings.services(), &services::names()).await;
        if self.json {
            say!("{}", serde_json::to_string_pretty(&found).map_err(Failed::new)?);
        } else {
            say!("{}", table(&found));
        }
        match found.iter().filter(|finding| finding.verdict == Verdict::Bad).count() {
            0 => Ok(()),
            _ if self.json => Err(Failed::told()),
            bad => Err(Failed::new(format!("{} bad: see above", counted(bad, "check")))),
        }
    }
}

fn table(found: &[Finding]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["check", "found", "verdict", "what to do"]);
    for Finding { check, found, verdict, advice } in found {
        let verdict = match verdict {
            Verdict::Good => "good",
            Verdict::Warning => "warning",
            Verdict::Bad => "BAD",
        };
        table.add_row([check, found, verdict, advice.as_str()]);
    }
    table
}
