//! The feedback service: cases, reviews, surveys, scores.
