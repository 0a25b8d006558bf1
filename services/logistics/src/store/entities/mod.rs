//! The tables as they are read. Rows are written in sets, by the functions of `store`.

pub mod packages;
pub mod promise_revisions;
pub mod quarantine;
pub mod retractions;
pub mod shipment_changes;
pub mod shipments;
pub mod tracking_events;
pub mod tracking_numbers;
