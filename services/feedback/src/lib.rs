//! The feedback service: cases, reviews, surveys, scores.

pub mod domain;
