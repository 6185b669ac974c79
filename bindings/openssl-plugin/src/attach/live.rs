//! Connections by the program's data: which SSL belongs to an object of a language that hides its pointers.
//!
//! Nobody waits for another, also not in a child that was forked meanwhile. A place that a thread of the parent was about
//! to take is lost to the child.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::Ordering;

use once_cell::race::OnceBox;

use crate::openssl::SSL;
use crate::schedule::{AtomicPtr, AtomicU64};

/// Each block has twice the slots of the one before.
const FIRST: usize = 64;
/// More blocks than memory has room for.
const BLOCKS: usize = 32;

/// The connections of the process.
pub(crate) static LIVE: Live = Live::new();

/// Slots, which are made as they are needed and never freed.
pub(crate) struct Live([OnceBox<Block>; BLOCKS]);

struct Block(Vec<Slot>);

/// Where one connection is found. It is taken while there is an SSL, and found by its key, which comes after the SSL and
/// goes before it.
#[derive(Debug)]
struct Slot {
    key: AtomicPtr<c_void>,
    ssl: AtomicPtr<SSL>,
    /// Another one whenever the slot changes hands. Only who has the slot changes it.
    turn: AtomicU64,
}

/// A slot that is taken; it is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Slot);

impl Live {
    const fn new() -> Self {
        Self([const { OnceBox::new() }; BLOCKS])
    }

    /// Takes a place for a connection, which is then found by this data; none if every block is full.
    pub(crate) fn take(&self, data: *mut c_void, ssl: *mut SSL) -> Option<Place<'_>> {
        let blocks = self.0.iter().enumerate().map(|(number, block)| block.get_or_init(|| Block::new(FIRST << number)));
        let place = Place(blocks.flat_map(|block| &block.0).find(|slot| slot.take(ssl))?);
        place.move_to(data);
        Some(place)
    }

    /// The connection that is found by this data. Nothing but the slots is looked at.
    pub(crate) fn find(&self, data: *const c_void) -> Option<*mut SSL> {
        self.slots().find_map(|slot| slot.ssl_of(data))
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().map_while(OnceBox::get).flat_map(|block| &block.0)
    }
}

impl Place<'_> {
    /// Has the connection found by this data from now on; by none if that is NULL.
    pub(crate) fn move_to(&self, data: *mut c_void) {
        self.0.key.store(data, Ordering::Release);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.move_to(ptr::null_mut());
        self.0.next_turn();
        self.0.ssl.store(ptr::null_mut(), Ordering::Release);
    }
}

impl Slot {
    /// Takes the slot, if nobody has it.
    fn take(&self, ssl: *mut SSL) -> bool {
        let null = ptr::null_mut();
        let is_taken = self.ssl.load(Ordering::Relaxed).is_null()
            && self.ssl.compare_exchange(null, ssl, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if is_taken {
            self.next_turn();
        }
        is_taken
    }

    fn next_turn(&self) {
        self.turn.store(self.turn.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The connection, if it is found by this data, and the slot has not changed hands meanwhile. Whoever sees a key, or
    /// a later SSL, sees the turn that came before it.
    fn ssl_of(&self, data: *const c_void) -> Option<*mut SSL> {
        let turn = self.turn.load(Ordering::Acquire);
        if data.is_null() || !ptr::eq(self.key.load(Ordering::Acquire), data) {
            return None;
        }
        let ssl = self.ssl.load(Ordering::Acquire);
        (!ssl.is_null() && self.turn.load(Ordering::Relaxed) == turn).then_some(ssl)
    }
}

impl Block {
    fn new(slots: usize) -> Box<Self> {
        let slot = || Slot {
            key: AtomicPtr::new(ptr::null_mut()),
            ssl: AtomicPtr::new(ptr::null_mut()),
            turn: AtomicU64::new(0),
        };
        Box::new(Self((0..slots).map(|_| slot()).collect()))
    }
}

#[cfg(test)]
mod tests;
