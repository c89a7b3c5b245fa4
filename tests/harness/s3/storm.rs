//! Jobs over S3 in bad weather: nothing that was acknowledged is lost, each job has one end, and its renditions are
//! what they are in good weather.

use std::fmt;
use std::time::{Duration, Instant};

use super::{BadWay, S3, Weather};
use crate::ledger::{Ends, PIPELINE};
use crate::{Ledger, Server, Told};

/// For jobs to end, and for a server to be as it was.
const PATIENCE: Duration = Duration::from_mins(2);
/// A client that is told of an outage later than this has lost patience.
const PROMPT: Duration = Duration::from_secs(15);
/// After which the server takes S3 for unreachable, in seconds.
const TIMEOUT: u32 = 4;
/// Jobs in bad weather, and after it.
const MORE: usize = 5;

/// What came of it; every number that must be zero is checked already.
#[derive(Debug)]
pub struct Weathered {
    acknowledged: usize,
    ends: Ends,
    met: u32,
    redriven: usize,
    took: Duration,
}

/// In each round bad weather until every misfortune has happened, an outage until every client was told, a `kill -9`,
/// and a start in bad weather.
pub fn storm(rounds: u32, seed: u64) -> Weathered {
    let begun = Instant::now();
    let s3 = S3::start();
    let way = BadWay::to(&s3, seed);
    let blobs = super::address(&way.url(), "storm", TIMEOUT);
    let builder = Server::of([("torture", PIPELINE)]).blobs(blobs);
    let mut server = super::with_keys(builder).start();
    let ledger = Ledger::small();
    for round in 1..=rounds {
        way.set(Weather::Bad);
        let load = ledger.load_until(&server, |_| way.has_met(2 * round));
        load.only_refused_by(&[503]);

        way.set(Weather::Outage);
        let outage = Instant::now();
        let load = ledger.load_until(&server, |told| matches!(told, Told::Refused(_)));
        load.only_refused_by(&[503]);
        assert!(outage.elapsed() < PROMPT, "told after {:?}", outage.elapsed());
        drop(server.get("/healthz").ok());

        way.set(Weather::Bad);
        ledger.take(&server, MORE, PATIENCE);
        assert!(server.kill_and_restart(&[]), "{}", server.log());
        ledger.take(&server, MORE, PATIENCE);
    }
    way.set(Weather::Good);
    let redriven = ledger.settle(&server, PATIENCE);
    Weathered {
        acknowledged: ledger.len(),
        ends: ledger.check(&server),
        met: way.met(),
        redriven,
        took: begun.elapsed(),
    }
}

impl fmt::Display for Weathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "requests in trouble    {}", self.met)?;
        writeln!(f, "acknowledged           {}", self.acknowledged)?;
        writeln!(f, "  succeeded            {}", self.ends.succeeded)?;
        writeln!(f, "  poison, dead         {}", self.ends.poison)?;
        writeln!(f, "  lost                 0")?;
        writeln!(f, "sent through again     {}", self.redriven)?;
        write!(f, "in                     {:.0} s", self.took.as_secs_f32())
    }
}
