//! The things that threads and processes of mecai meet at. In unit tests each use of one lets a model decide who comes
//! first (tests/schedule).

#[cfg(test)]
pub(crate) use mecai_schedule::{ArcSwap, AtomicU64, point, sleep};
#[cfg(not(test))]
pub(crate) use {arc_swap::ArcSwap, std::sync::atomic::AtomicU64, std::thread::sleep};

/// Another process may come first here: files are about to be used.
#[cfg(not(test))]
pub(crate) fn point() {}
