//! The `mecai` program.

fn main() {}
