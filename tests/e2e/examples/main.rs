//! The examples in C (examples/c): built as a stranger would build them, and run in the world of the lab.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../support.rs"]
mod support;

mod build;
mod demo;
mod judge;
mod memory;
mod request;
