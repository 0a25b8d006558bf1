//! A process from its first line to its last: telemetry, start, the ready line, signals, the end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::StartError;
use crate::module::Service;
use crate::settings::Settings;
use crate::start::{Parts, start};
use crate::telemetry::Telemetry;

/// Serves these services until SIGINT or SIGTERM, then ends in order; a second signal ends at once. `ready` is called
/// with the ready line.
///
/// # Errors
/// [`StartError`], before anything was served: what is wrong, where, and what to do.
pub async fn run(settings: Settings, services: &[Service], ready: impl FnOnce(&str)) -> Result<(), StartError> {
    let names: Vec<&str> = services.iter().map(|service| service.name).collect();
    let telemetry = Telemetry::start(&settings.telemetry, &names)?;
    let mut signals = Signals::new()?;
    let parts = Parts { metrics: telemetry.metrics(), ..Parts::default() };
    let process = tokio::select! {
        process = start(settings, services, parts) => match process {
            Ok(process) => process,
            Err(error) => {
                telemetry.shutdown().await;
                return Err(error);
            }
        },
        _ = signals.next() => return Ok(()),
    };
    ready(&process.ready_line());
    let first = signals.next().await;
    tracing::info!(signal = first, "ending; a second signal ends at once");
    let end = async {
        process.shutdown().await;
        telemetry.shutdown().await;
    };
    tokio::select! {
        () = end => Ok(()),
        _ = signals.next() => std::process::exit(130),
    }
}

/// The signals that end a process.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, StartError> {
        let listen =
            |kind| signal(kind).map_err(|error| StartError::new(format!("signals cannot be listened to: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
