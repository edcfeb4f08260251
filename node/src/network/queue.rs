//! A peer's outgoing queue of one class. Owns the bounds and what is dropped at them.
//! Invariant: pushing never waits, so a peer that does not read cannot hold up the core; count and bytes are bounded.
//! Must not know: what the frames mean, sockets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// What gives way when a queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// The oldest frames: newer ones supersede them.
    DropOldest,
    /// The frame being pushed: its sender can try again.
    DropNewest,
}

/// Bounds of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) frames: usize,
    pub(super) bytes: usize,
    pub(super) when_full: WhenFull,
}

/// A bounded queue between the core and one stream's writer.
#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    held: Mutex<Held>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Held {
    frames: VecDeque<Arc<[u8]>>,
    bytes: usize,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, held: Mutex::default(), ready: Notify::new() }
    }

    /// Adds a frame. Returns how many frames were dropped for it, itself included.
    pub(super) fn push(&self, frame: Arc<[u8]>) -> usize {
        let mut held = self.held();
        let mut dropped = 0;
        while held.frames.len() >= self.limits.frames || held.bytes.saturating_add(frame.len()) > self.limits.bytes {
            let oldest = match self.limits.when_full {
                WhenFull::DropOldest => held.frames.pop_front(),
                WhenFull::DropNewest => None,
            };
            dropped += 1;
            let Some(oldest) = oldest else { return dropped };
            held.bytes -= oldest.len();
        }
        held.bytes += frame.len();
        held.frames.push_back(frame);
        drop(held);
        self.ready.notify_one();
        dropped
    }

    /// The oldest frame; waits for one. One reader at a time.
    pub(super) async fn pop(&self) -> Arc<[u8]> {
        loop {
            // Created before the look, so that a push in between is not missed.
            let ready = self.ready.notified();
            if let Some(frame) = self.take() {
                return frame;
            }
            ready.await;
        }
    }

    /// Forgets all frames.
    pub(super) fn clear(&self) {
        *self.held() = Held::default();
    }

    fn take(&self) -> Option<Arc<[u8]>> {
        let mut held = self.held();
        let frame = held.frames.pop_front()?;
        held.bytes -= frame.len();
        Some(frame)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(when_full: WhenFull) -> Queue {
        Queue::new(Limits { frames: 3, bytes: 10, when_full })
    }
    fn frame(tag: u8, n: usize) -> Arc<[u8]> {
        vec![tag; n].into()
    }

    #[test]
    fn the_oldest_give_way_by_count_and_by_bytes() {
        let q = queue(WhenFull::DropOldest);
        for tag in 0..4 {
            assert_eq!(q.push(frame(tag, 1)), usize::from(tag == 3));
        }
        assert_eq!(q.push(frame(9, 9)), 2);
        assert_eq!(q.take().map(|f| f[0]), Some(3));
        assert_eq!(q.take().map(|f| f.len()), Some(9));
        assert_eq!(q.push(frame(1, 11)), 1, "a frame over the bound never fits");
        assert!(q.take().is_none());
    }

    #[test]
    fn the_newest_gives_way() {
        let q = queue(WhenFull::DropNewest);
        for tag in 0..5 {
            assert_eq!(q.push(frame(tag, 1)), usize::from(tag >= 3));
        }
        assert_eq!(q.take().map(|f| f[0]), Some(0));
    }
}
