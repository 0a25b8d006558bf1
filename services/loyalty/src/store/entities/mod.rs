//! The tables that belong to an organisation, as rows. What a row means is read by the file of its aggregate.

pub mod accounts;
pub mod campaigns;
pub mod members;
pub mod programs;
