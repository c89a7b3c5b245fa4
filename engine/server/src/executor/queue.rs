//! A bounded queue between many callers and the executors' threads.
//!
//! Full means refused at once: the caller answers 503, memory stays bounded. Bounded is what waits and what
//! is worked on together, so that an idle worker counts as room before it has woken up.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    /// Handed out and not finished.
    running: usize,
    closed: bool,
}

/// Why a job was not taken; the job comes back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refused {
    Full,
    Closed,
}

impl<T> Queue<T> {
    /// `capacity` is how many items may wait or be worked on.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                running: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            capacity,
        }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() + state.running >= self.capacity {
            return Err(Refused::Full);
        }
        state.waiting.push_back(item);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the oldest item; `None` once the queue is closed and empty. Each one must be `finished`.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.waiting.pop_front() {
                state.running += 1;
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// One that was handed out is done.
    pub(crate) fn finished(&self) {
        self.lock().running -= 1;
    }

    /// Takes out what nobody wants any more.
    pub(crate) fn remove(&self, unwanted: impl Fn(&T) -> bool) -> VecDeque<T> {
        let mut state = self.lock();
        if !state.waiting.iter().any(&unwanted) {
            return VecDeque::new();
        }
        let (removed, kept) = std::mem::take(&mut state.waiting).into_iter().partition(unwanted);
        state.waiting = kept;
        removed
    }

    /// How many wait, and how many are worked on.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.waiting.len(), state.running)
    }

    /// Takes nothing more; what waits is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_it_cannot_hold_and_drains_after_close() {
        let queue = Queue::new(1);
        queue.push(1).unwrap();
        assert!(matches!(queue.push(2), Err(Refused::Full)));
        queue.close();
        assert!(matches!(queue.push(3), Err(Refused::Closed)));
        assert_eq!((queue.pop(), queue.pop()), (Some(1), None));
    }

    #[test]
    fn what_is_worked_on_takes_room_until_it_is_finished() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.load(), (1, 1));
        assert!(matches!(queue.push(3), Err(Refused::Full)));
        queue.finished();
        queue.push(3).unwrap();
    }

    #[test]
    fn what_nobody_wants_makes_room() {
        let queue = Queue::new(3);
        for item in 1..=3 {
            queue.push(item).unwrap();
        }
        assert_eq!(queue.remove(|item| item % 2 == 1), [1, 3]);
        queue.push(4).unwrap();
        assert_eq!((queue.pop(), queue.pop()), (Some(2), Some(4)));
    }
}
