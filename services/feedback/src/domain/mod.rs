//! What feedback means: values and decisions, without I/O, clocks or identifiers made inside.
//!
//! A decision takes what is stored and what is asked and answers what is to be stored; the store calls it for many
//! commands in a row and writes their outcomes in sets.

pub mod case;
pub mod cause;
pub mod decimal;
pub mod intake;
pub mod interval;
pub mod invitation;
pub mod name;
pub mod order;
pub mod rating;
pub mod reach;
pub mod reply;
pub mod response;
pub mod review;
pub mod score;
pub mod survey;
pub mod window;
mod words;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod samples;
