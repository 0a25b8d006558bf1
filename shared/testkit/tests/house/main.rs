//! The rules of the house, checked on its own source: who may import whom, what contracts declare, what files look
//! like, and that the documentation says what there is. See docs/contributing.md.

mod contracts;
mod docs;
mod files;
mod imports;
mod source;
mod telemetry;
