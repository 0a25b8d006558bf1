//! What the customer service tells the others. It reads no events of theirs.

pub mod outgoing;
