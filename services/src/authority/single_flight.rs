//! Identical requests that arrive while one of them is being worked on share its result.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Work under way, by key.
pub struct SingleFlight<K, V> {
    flights: Arc<Mutex<Flights<K, V>>>,
}

type Flights<K, V> = HashMap<K, watch::Receiver<Option<V>>>;

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self { flights: Arc::default() }
    }
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The result of the work for `key`: of that under way, or else of `work`, which then runs in a task of its own and
    /// goes on when its first caller goes away. `None` if the work panicked.
    pub async fn run<F>(&self, key: K, work: F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut receiver = self.join_or_start(key, work);
        let value = receiver.wait_for(Option::is_some).await.ok()?;
        value.clone()
    }

    fn join_or_start<F>(&self, key: K, work: F) -> watch::Receiver<Option<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut flights = lock(&self.flights);
        if let Some(receiver) = flights.get(&key) {
            return receiver.clone();
        }
        let (sender, receiver) = watch::channel(None);
        flights.insert(key.clone(), receiver.clone());
        let landing = Landing { flights: Arc::clone(&self.flights), key };
        tokio::spawn(async move {
            let value = work.await;
            // Later requests look for themselves; those that wait have the value.
            drop(landing);
            sender.send_replace(Some(value));
        });
        receiver
    }
}

/// Takes the flight off the list, however its task ends.
struct Landing<K: Eq + Hash, V> {
    flights: Arc<Mutex<Flights<K, V>>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The map is whole at every point where a panic could happen.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn identical_work_is_done_once_while_it_lasts() {
        let flights = Arc::new(SingleFlight::default());
        let runs = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Notify::new());
        let work = || {
            let (runs, gate) = (Arc::clone(&runs), Arc::clone(&gate));
            async move {
                gate.notified().await;
                runs.fetch_add(1, Ordering::SeqCst) + 1
            }
        };
        let mut callers = Vec::new();
        for _ in 0..10 {
            let (flights, work) = (Arc::clone(&flights), work());
            callers.push(tokio::spawn(async move { flights.run(1_u8, work).await }));
        }
        // The first caller goes away; the work goes on for the others.
        while lock(&flights.flights).is_empty() {
            tokio::task::yield_now().await;
        }
        callers.remove(0).abort();
        gate.notify_one();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Some(1));
        }
        gate.notify_one();
        assert_eq!(flights.run(1, work()).await, Some(2));
        assert!(lock(&flights.flights).is_empty());
    }

    #[tokio::test]
    async fn work_that_panics_gives_nothing_and_leaves_nothing() {
        let flights: SingleFlight<u8, ()> = SingleFlight::default();
        assert_eq!(flights.run(1, async { panic!("on purpose") }).await, None);
        assert!(lock(&flights.flights).is_empty());
    }
}
