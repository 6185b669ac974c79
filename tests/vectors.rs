//! Replays the vectors of `tests/vectors/`, which an independent program wrote from the spec, through the core,
//! and counts what judging them allocates.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "vectors/replay/mod.rs"]
mod replay;
