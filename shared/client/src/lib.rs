//! What an internal application adds to its Cargo.toml to call Guanxi.
