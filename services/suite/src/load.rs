//! Loading: what an import and the sample have in common. Elements go through the services' streams, what was refused
//! is noted, progress is shown, and at the end all that the services tell each other has settled.

pub mod flow;
pub mod progress;
pub mod settle;
pub mod setup;
pub mod streams;

/// An element to send, and where it comes from: a place in a file, or whatever the loader wants back with the answer.
#[derive(Debug, Clone)]
pub struct Item<T, E> {
    /// Where it comes from.
    pub origin: T,
    /// What is sent.
    pub element: E,
}

/// Why a service refused an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The first field that is wrong; the reason's subject is the whole element where it is empty.
    pub field: String,
    /// The stable reason and what it means.
    pub reason: String,
}
