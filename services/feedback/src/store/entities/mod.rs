//! The tables as rows. Plain: what a row means is read by the file of its aggregate.

pub mod answers;
pub mod case_causes;
pub mod case_messages;
pub mod cases;
pub mod delivery_surveys;
pub mod invitations;
pub mod order_shipments;
pub mod orders;
pub mod responses;
pub mod reviews;
pub mod survey_versions;
pub mod surveys;
