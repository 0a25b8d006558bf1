//! What logistics means: pure values and decisions. A package's status is a fold over what was reported of it, a
//! shipment's is the least progress of its packages, and a delivery is judged by the promise given first.

pub mod code_map;
pub mod event;
pub mod fold;
pub mod instant;
pub mod promise;
pub mod redact;
pub mod reference;
pub mod shipment;
pub mod status;
pub mod track;

pub use code_map::{CodeMap, Mapped};
pub use event::{Digest, Event, EventKey, Report, SourceId, SourceKind};
pub use fold::{Effect, Milestone, Standing};
pub use instant::{Occurred, Placed, TimeBasis, Unplaced};
pub use promise::{Promise, PromiseError, Promised, Revision, Zone};
pub use reference::{EventName, PackageReference, TrackingNumber};
pub use shipment::{Change, Fact, Package, Shipment};
pub use status::{Status, SubStatus};
pub use track::{HistoryItem, Outcome, Track, View};
