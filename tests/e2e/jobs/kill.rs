//! `kill -9` at named places and at any time: what was acknowledged is there, ends once, and nothing half-made stays.

use e2e::Cluster;
use e2e::torture::{PLACES, Torture};

/// Each named place, some kills at any time and one before a system call; `cargo xtask torture` does hundreds.
#[test]
fn nothing_acknowledged_is_lost_wherever_it_dies() {
    let torture = Torture {
        cycles: PLACES.len() as u32 * 3 / 2 + 1,
        seed: 7,
        store: None,
    };
    println!("{}", torture.run());
}

#[test]
fn nothing_acknowledged_is_lost_over_postgres() {
    let cluster = Cluster::start();
    let torture = Torture {
        cycles: 10,
        seed: 8,
        store: Some(cluster.url()),
    };
    println!("{}", torture.run());
}
