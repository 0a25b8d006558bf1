//! How a Guanxi process is put together: settings, telemetry, modules, jobs, health, shutdown.
