//! The things that threads meet at. In unit tests each use of one lets a model decide who comes first (tests/schedule).

#[cfg(test)]
pub(crate) use mecai_schedule::{ArcSwap, AtomicPtr, AtomicU64, point};
#[cfg(not(test))]
pub(crate) use {
    arc_swap::ArcSwap,
    std::sync::atomic::{AtomicPtr, AtomicU64},
};

/// Another thread may come first here: a file is about to be used.
#[cfg(not(test))]
pub(crate) fn point() {}
