//! The lakegate binary.
fn main() {}
