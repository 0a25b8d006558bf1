//! The server stack and the transports of Guanxi services: everything between a socket (or another service in the same
//! process) and a handler, on both sides.
//!
//! A handler needs [`open`], [`answer`], [`write`](fn@write), [`convert`] and, for streams, [`stream`]. A process
//! needs [`Stack`], [`serve`], [`Local`] and [`Peers`].

mod balance;
pub mod body;
pub mod call;
pub mod connect;
pub mod convert;
pub mod exemplars;
pub mod failure;
pub mod health;
mod layers;
mod linger;
pub mod peers;
pub mod server;
pub mod shutdown;
pub mod stack;
pub mod status;
pub mod stream;
pub mod tls;
pub mod token;
pub mod trace;
pub mod transport;
mod web;

pub use call::{answer, check, open, write};
pub use connect::Resolver;
pub use failure::Failure;
pub use health::Health;
pub use peers::{PeerSettings, Peers};
pub use server::{ServerSettings, serve};
pub use shutdown::Shutdown;
pub use stack::{Authentication, Rate, Stack, StackSettings};
pub use status::status;
pub use stream::{Answers, Watching, answer_each, watch};
pub use tls::{ClientFiles, ClientTls, ServerFiles, ServerTls};
pub use token::{Claims, FixedToken, Key, Mint, NoToken, TokenSource, Verifier};
pub use transport::{Local, Transport};
