//! The values that every Guanxi crate shares: identifiers and resource names, money, clocks, callers, page tokens,
//! field masks and refusals.
//!
//! The kernel does no I/O and knows no runtime, no database and no wire format, so that a service's domain can be
//! written in its terms alone.

pub mod caller;
pub mod clock;
pub mod id;
pub mod mask;
pub mod money;
pub mod name;
pub mod page;
pub mod refusal;
pub mod signals;
pub mod write;

pub use caller::{Access, Call, Caller};
pub use clock::{Clock, SystemClock, TestClock};
pub use id::{natural_id, new_id};
pub use mask::FieldMask;
pub use money::{Currency, Money};
pub use name::{NameError, OrderName, OrganizationId};
pub use page::{PageRequest, PageToken};
pub use refusal::{Kind, Refusal, Refuse, Refused, Resource, Violation};
pub use write::Write;

pub use jiff::{Timestamp, Zoned, civil, tz};
pub use uuid::Uuid;
