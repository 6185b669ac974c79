//! What the unit tests of mecai put in the place of the shared things that threads and processes meet at: each use of
//! one is a [`point`] at which another may come first. [`explore`] runs a model under many orders of these points, by
//! the model checker shuttle. Outside of a model nothing here does anything.
//!
//! A process that shares nothing but files is a thread of a model: `flock` tells two openings of a file apart, whoever
//! made them.
//!
//! What a model shows holds for every order that was tried of steps that are whole: a call of [`ArcSwap`], of an atomic,
//! of the file system. That a step is whole is the promise of the crate arc-swap and of the system; orders of memory
//! weaker than sequential are not tried.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

pub use arc_swap::Guard;
pub use shuttle::thread::spawn;

/// Runs `model` in so many orders drawn at random, and as many drawn to have few, far-reaching changes of turn. The
/// same every time; what fails is printed as a schedule for `shuttle::replay`.
pub fn explore(orders: usize, model: impl Fn() + Send + Sync + 'static) {
    const SEED: u64 = 1;
    /// So many changes of turn have to come in the right places for a fault to show.
    const DEPTH: usize = 4;
    let model = Arc::new(model);
    run(RandomScheduler::new_from_seed(SEED, orders), Arc::clone(&model));
    run(PctScheduler::new_from_seed(SEED, DEPTH, orders), model);
}

fn run(scheduler: impl Scheduler + 'static, model: Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    config.silence_warnings = true;
    let _modelled = Modelled::begin();
    Runner::new(scheduler, config).run(move || model());
}

/// Another thread or process may come first here.
pub fn point() {
    if MODELLED.get() {
        // A use of a shared thing that shuttle knows of.
        shuttle::sync::atomic::AtomicBool::new(false).load(Ordering::SeqCst);
    }
}

/// Like the function of `std::thread`; in a model it lets the others go on.
pub fn sleep(pause: Duration) {
    if MODELLED.get() { shuttle::thread::yield_now() } else { std::thread::sleep(pause) }
}

thread_local!(static MODELLED: Cell<bool> = const { Cell::new(false) });

/// While it lives, this thread runs a model. A model that fails ends it too.
struct Modelled;

impl Modelled {
    fn begin() -> Self {
        MODELLED.set(true);
        Self
    }
}

impl Drop for Modelled {
    fn drop(&mut self) {
        MODELLED.set(false);
    }
}

/// Like that of the crate arc-swap.
#[derive(Debug, Default)]
pub struct ArcSwap<T>(arc_swap::ArcSwap<T>);

impl<T> ArcSwap<T> {
    /// Holds a value.
    pub fn from_pointee(value: T) -> Self {
        Self(arc_swap::ArcSwap::from_pointee(value))
    }

    /// The value that it holds now.
    pub fn load(&self) -> Guard<Arc<T>> {
        point();
        self.0.load()
    }

    /// Puts a value in the place of whatever it holds.
    pub fn store(&self, value: Arc<T>) {
        point();
        self.0.store(value);
    }

    /// Puts a value in place if it still holds `current`; gives what it held.
    pub fn compare_and_swap(&self, current: &Arc<T>, value: Arc<T>) -> Guard<Arc<T>> {
        point();
        self.0.compare_and_swap(current, value)
    }

    /// Puts in place what `update` makes of what it holds; again, if another came first.
    pub fn rcu<R: Into<Arc<T>>>(&self, mut update: impl FnMut(&Arc<T>) -> R) -> Arc<T> {
        point();
        self.0.rcu(|current| {
            let value = update(current);
            point();
            value
        })
    }
}

/// Like that of `std::sync::atomic`.
#[derive(Debug)]
pub struct AtomicU64(std::sync::atomic::AtomicU64);

impl AtomicU64 {
    /// Holds a number.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(std::sync::atomic::AtomicU64::new(value))
    }

    /// The number that it holds now.
    pub fn load(&self, order: Ordering) -> u64 {
        point();
        self.0.load(order)
    }

    /// Puts a number in the place of whatever it holds.
    pub fn store(&self, value: u64, order: Ordering) {
        point();
        self.0.store(value, order);
    }

    /// Puts a number in place if it still holds `current`; gives what it held, as an error if it did not.
    pub fn compare_exchange(&self, current: u64, new: u64, success: Ordering, failure: Ordering) -> Result<u64, u64> {
        point();
        self.0.compare_exchange(current, new, success, failure)
    }
}

/// Like that of `std::sync::atomic`.
pub struct AtomicPtr<T>(std::sync::atomic::AtomicPtr<T>);

impl<T> std::fmt::Debug for AtomicPtr<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> AtomicPtr<T> {
    /// Holds a pointer.
    #[must_use]
    pub const fn new(pointer: *mut T) -> Self {
        Self(std::sync::atomic::AtomicPtr::new(pointer))
    }

    /// The pointer that it holds now.
    pub fn load(&self, order: Ordering) -> *mut T {
        point();
        self.0.load(order)
    }

    /// Puts a pointer in the place of whatever it holds.
    pub fn store(&self, pointer: *mut T, order: Ordering) {
        point();
        self.0.store(pointer, order);
    }

    /// Puts a pointer in place if it still holds `current`; gives what it held, as an error if it did not.
    pub fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        point();
        self.0.compare_exchange(current, new, success, failure)
    }
}
