//! The C ABI, called as a C program would: each noun works, fails with its outputs cleared, and ends.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "capi/mod.rs"]
mod capi;
