//! What the customer service decides, without any I/O: values, rules, and decisions over state that the store loaded.

pub mod customer;
pub mod edge;
pub mod email;
pub mod identifier;
pub mod ingest;
pub mod matching;
pub mod order;
pub mod organization;
pub mod phone;
pub mod profile;
pub mod recording;
pub mod source_record;
pub mod survivorship;
