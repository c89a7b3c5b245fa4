//! The long tests: `cargo xtask torture`, the kill test and the faults from outside, and `cargo xtask seed`, the seed
//! figure.

mod faults;

use e2e::Cluster;
use e2e::seed::Seed;
use e2e::torture::Torture;

const SEED: u64 = 20_261_128;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("seed") {
        return seed(arguments);
    }
    if first.as_deref() == Some("faults") {
        let rounds = arguments.next().and_then(|n| n.parse().ok());
        return faults::faults(rounds.unwrap_or(1));
    }
    let cycles = first.and_then(|n| n.parse().ok()).unwrap_or(300);
    let cluster = cluster(arguments);
    let torture = Torture {
        cycles,
        seed: SEED,
        store: cluster.as_ref().map(Cluster::url),
    };
    println!("{}", torture.run());
}

/// Where the next argument is `postgres`; without one it is SQLite.
fn cluster(mut arguments: impl Iterator<Item = String>) -> Option<Cluster> {
    let store = arguments.next()?;
    assert_eq!(store, "postgres", "the only other store");
    Some(Cluster::start())
}

/// `seed SUBMISSIONS KILLS [postgres]`
fn seed(mut arguments: impl Iterator<Item = String>) {
    let mut number = || -> u32 {
        let number = arguments.next().and_then(|n| n.parse().ok());
        number.expect("two numbers")
    };
    let (submissions, kills) = (number(), number());
    let cluster = cluster(arguments);
    let seed = Seed {
        submissions,
        kills,
        seed: SEED,
        store: cluster.as_ref().map(Cluster::url),
    };
    println!("{}", seed.run());
}
