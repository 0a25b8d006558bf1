//! How a Guanxi process is put together: settings, telemetry, modules, jobs, health, shutdown.
//!
//! A service gives a [`Service`]: its name and its `module()`, which wires it up from a [`ModuleContext`]. The binary
//! reads [`Settings`] and calls [`run()`]; tests call [`start()`].

pub mod admin;
mod api;
mod auth;
pub mod backup;
mod build;
mod bus;
mod data_dir;
pub mod doctor;
mod edge;
pub mod error;
pub mod figures;
pub mod jobs;
mod measure;
pub mod module;
mod openmetrics;
pub mod process;
mod replays;
pub mod run;
pub mod settings;
pub mod start;
pub mod telemetry;
mod verification;

pub use admin::healthcheck;
pub use backup::{backup, restore, restored};
pub use doctor::{Finding, Verdict, doctor};
pub use error::StartError;
pub use figures::Figures;
pub use guanxi_store::verify::{Breach, Checked, Invariant};
pub use jobs::{Job, Jobs, Progress, Step};
pub use module::{Module, ModuleContext, Service};
pub use process::Process;
pub use run::run;
pub use settings::{Faults, Section, Settings};
pub use start::{Listen, Parts, migrate, start};
pub use telemetry::Telemetry;
