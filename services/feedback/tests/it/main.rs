//! Feedback as its clients and the other services see it, over every combination of database, bus and transport.

mod cases;
mod olist;
mod orders;
mod reviews;
mod scores;
mod support;
mod surveys;
