//! Tests that see only what a client sees.
