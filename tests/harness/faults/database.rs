//! A PostgreSQL server that crashes and cuts connections while jobs are submitted and run.

use super::{PATIENCE, until};
use crate::ledger::PIPELINE;
use crate::{Cluster, Ledger, Server};

/// Jobs that are acknowledged between two blows: the server is as it was, without a restart.
const BETWEEN: usize = 10;

/// The database is restarted and its connections are ended, in turn.
pub fn blows(rounds: u32) {
    let mut cluster = Cluster::start();
    let mut server = Server::of([("torture", PIPELINE)]).store(cluster.url()).start();
    let ledger = Ledger::small();
    let ((), load) = ledger.load_while(&server, || {
        for round in 0..rounds {
            some_more(&ledger);
            if round.is_multiple_of(2) {
                cluster.restart();
            } else {
                assert!(cluster.end_connections() > 0, "nobody was connected");
            }
        }
        some_more(&ledger);
    });
    load.only_refused_by(&[503]);
    assert!(server.lives(), "it ended with its database");
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    ledger.check(&server);
}

fn some_more(ledger: &Ledger) {
    let enough = ledger.len() + BETWEEN;
    until("jobs are taken again", PATIENCE, || ledger.len() >= enough);
}
