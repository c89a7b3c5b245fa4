//! Everything at once, by chance: afterwards the counters must be true and no job lost.

use workflow::breaker::Event;
use workflow::job::State;
use workflow::ports::{Claimed, End, Filter, Millis};

use super::kit::*;
use super::redrives::{send_again, wanted};

/// A small generator, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

const WORKERS: u64 = 6;
const ROUNDS: u64 = 30;

pub async fn counters_are_true_after_a_storm(store: Any) {
    remember(&store).await;
    let tasks: Vec<_> = (1..=WORKERS)
        .map(|seed| {
            let store = store.clone();
            tokio::spawn(async move { storm(&store, seed).await })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.unwrap();
    }
    let all = store.jobs(&Filter::default(), None, 100_000).await.unwrap();
    assert_eq!(all.len(), accepted);
    check_counters(&store).await;

    // Whatever the storm left must come to an end.
    store.tell("blur", &Event::Clear, NOW).await.unwrap();
    let end = NOW + 10_000 * SECOND;
    store.tick(end).await.unwrap();
    for _ in 0..10 {
        store.sweep(end, end).await.unwrap();
        for claimed in store.claim("last", 1_000, end).await.unwrap() {
            settle_at(&store, &claimed.lease, success("x"), vec![], end).await;
        }
    }
    let open = [State::Queued, State::Running, State::RetryWaiting, State::Parked];
    for state in open {
        assert_eq!(in_state(&store, state).await, 0, "{state}");
    }
    check_counters(&store).await;
}

async fn storm(store: &Any, seed: u64) -> usize {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut accepted = 0;
    let mut hand: Vec<Claimed> = Vec::new();
    for round in 0..ROUNDS {
        let now = NOW + round as Millis * SECOND;
        match dice.roll(10) {
            0..=2 => {
                let n = 1 + dice.roll(8) as usize;
                let mut new = jobs(n, |n| job(&format!("{seed}-{round}-{n}")));
                for job in &mut new {
                    job.owner = ["ann", "bob", "cy"][dice.roll(3) as usize].into();
                    job.pipeline = ["photos", "icons"][dice.roll(2) as usize].into();
                }
                accepted += add(store, new).await.len();
            }
            3..=5 => hand.extend(store.claim("worker", 5, now).await.unwrap()),
            6 => disturb(store, &mut dice, now).await,
            _ => {}
        }
        while hand.len() > 3 {
            let claimed = hand.swap_remove(dice.roll(hand.len() as u64) as usize);
            end(store, &mut dice, &claimed, now).await;
        }
    }
    accepted
}

async fn end(store: &Any, dice: &mut Dice, claimed: &Claimed, now: Millis) {
    let digest = &claimed.original.digest;
    let end = match dice.roll(7) {
        0..=2 => success(digest),
        3 => retry(now + 2 * SECOND),
        4 => death("it traps"),
        5 => End::Parked {
            plugin: "blur".into(),
        },
        _ => End::GivenBack {
            at: now + dice.roll(2) as Millis,
        },
    };
    let ok = dice.roll(3) > 0;
    settle_at(
        store,
        &claimed.lease,
        end,
        vec![seen(digest, ok, claimed.pass)],
        now,
    )
    .await;
}

async fn disturb(store: &Any, dice: &mut Dice, now: Millis) {
    match dice.roll(6) {
        0 => {
            store.sweep(now - 5 * SECOND, now).await.unwrap();
        }
        1 => store.tick(now + dice.roll(60) as Millis * SECOND).await.unwrap(),
        2 => {
            let all = store.jobs(&Filter::default(), None, 20).await.unwrap();
            if let Some(job) = all.last() {
                store.cancel(&job.id, None, now).await.unwrap();
            }
        }
        3 => {
            send_again(store, wanted(&Filter::default(), 3), 5, now).await;
        }
        4 => {
            purge(store, &Filter::default(), 2, now).await;
        }
        _ => {
            store.tell("blur", &Event::Trip, now).await.unwrap();
        }
    }
}
