//! The one binary of Guanxi: serves any of the services or all four, and the command line.

fn main() {}
