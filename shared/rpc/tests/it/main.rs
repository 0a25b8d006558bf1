//! The stack and the transports, from a client's side: one suite over a call within the process and one over TCP.

mod fixture;
mod provider;
mod replicas;
mod server;
mod suite;
mod tls;
mod web;
