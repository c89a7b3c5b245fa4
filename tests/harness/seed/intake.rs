//! The clients: each sends an original until it is told that it is accepted, always with the same `Idempotency-Key`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::PIPELINE;
use super::originals::original;
use crate::Server;
use crate::dice::Dice;
use crate::ledger::SetOnDrop;

const CLIENTS: usize = 4;

/// What may go better a moment later.
const WORTH_ANOTHER_TRY: [u16; 4] = [500, 503, 504, 507];

/// What is still to be sent, and what was accepted.
#[derive(Debug, Default)]
pub(super) struct Intake {
    left: Mutex<Vec<u32>>,
    accepted: Mutex<BTreeMap<u32, String>>,
    refused: AtomicUsize,
    unanswered: AtomicUsize,
    replayed: AtomicUsize,
}

impl Intake {
    /// The originals from 0, shuffled.
    pub(super) fn of(submissions: u32, dice: &mut Dice) -> Self {
        let mut left: Vec<u32> = (0..submissions).collect();
        for last in (1..left.len()).rev() {
            left.swap(last, dice.below(last as u32 + 1) as usize);
        }
        Self {
            left: Mutex::new(left),
            ..Self::default()
        }
    }

    /// Clients send as long as something is left, but no longer than something else is done.
    pub(super) fn send_while(&self, server: &Server, act: impl FnOnce()) {
        let over = AtomicBool::new(false);
        std::thread::scope(|threads| {
            for _ in 0..CLIENTS {
                threads.spawn(|| {
                    let more = || !over.load(Ordering::Relaxed) && self.send_one(server);
                    std::iter::repeat_with(more).find(|more| !more);
                });
            }
            let _end = SetOnDrop(&over);
            act();
        });
    }

    /// False if none is left.
    fn send_one(&self, server: &Server) -> bool {
        let next = self.left.lock().expect("no client panicked").pop();
        let Some(n) = next else {
            return false;
        };
        if !self.is_accepted(server, n) {
            self.left.lock().expect("no client panicked").push(n);
            // As polite as any client.
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    fn is_accepted(&self, server: &Server, n: u32) -> bool {
        let key = format!("original-{n}");
        let path = format!("/v1/pipelines/{PIPELINE}/jobs");
        let Some(answer) = server.try_post(&path, &[("idempotency-key", &key)], &original(n)) else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        if answer.status != 202 {
            let text = String::from_utf8_lossy(&answer.body);
            assert!(
                WORTH_ANOTHER_TRY.contains(&answer.status),
                "{}: {text}",
                answer.status
            );
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        if answer.header("idempotent-replayed") == "true" {
            self.replayed.fetch_add(1, Ordering::Relaxed);
        }
        let id = answer.json()["id"].as_str().expect("an id").to_owned();
        let before = self.accepted.lock().expect("no client panicked").insert(n, id);
        assert_eq!(before, None, "original {n} was accepted before");
        true
    }

    pub(super) fn accepted(&self) -> BTreeMap<u32, String> {
        self.accepted.lock().expect("no client panicked").clone()
    }

    pub(super) fn accepted_so_far(&self) -> usize {
        self.accepted.lock().expect("no client panicked").len()
    }

    /// Requests that were refused, those without an answer, and those whose job was there already.
    pub(super) fn troubles(&self) -> [usize; 3] {
        [&self.refused, &self.unanswered, &self.replayed].map(|count| count.load(Ordering::Relaxed))
    }
}
