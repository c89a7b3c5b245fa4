//! The seed figure: thousands of originals, 15 % of them poison, over a store that fails now and then.
//!
//! Every valid one must succeed. Every other one must end as a dead letter that keeps its original. And those that a
//! broken plugin trapped on must succeed once it is mended and they are sent through again.

mod check;
mod guests;
mod intake;
pub(crate) mod originals;
mod tally;

use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::{Proxy, Server};
use intake::Intake;
pub use tally::Tally;

const PIPELINE: &str = "seed";

/// Each plugin fails on pictures of a width of its own. The breakers are as they are for everybody.
const YAML: &str = "retry: { backoff: 500ms }
steps:
  - { id: photo, uses: decode, with: { scale: full } }
  - { id: frail, uses: frail@^1 }
  - { id: greedy, uses: greedy@^1, limits: { fuel_base: 10000000, fuel_per_pixel: 100 } }
  - { id: slow, uses: slow@^1, limits: { fuel_base: 100000000000, timeout: 400ms } }
  - { id: small, uses: resize, with: { width: 32 } }
renditions:
  - { name: small.png, from: small, format: png }
";

/// A mix in an unlucky order may open a breaker, and the longest pause of one is a quarter of an hour.
const STANDSTILL: Duration = Duration::from_mins(16);

#[derive(Debug, Clone)]
pub struct Seed {
    pub submissions: u32,
    /// How often the server is killed, spread over the whole time.
    pub kills: u32,
    pub seed: u64,
    /// A PostgreSQL with a socket, whose connections break now and then; SQLite in a folder of its own if there is
    /// none, and then only kills disturb.
    pub store: Option<String>,
}

impl Seed {
    pub fn run(&self) -> Tally {
        assert!(
            self.submissions <= originals::MOST,
            "there are {} originals",
            originals::MOST
        );
        let begun = Instant::now();
        let plugins = guests::install();
        let proxy = self.store.as_deref().map(|url| Proxy::before(url, self.seed));
        let mut builder = Server::of([(PIPELINE, YAML)]).plugins(plugins.path());
        if let Some(proxy) = &proxy {
            builder = builder.store(proxy.url());
        }
        let mut server = builder.start();
        let intake = Intake::of(self.submissions, &mut Dice::new(self.seed));
        self.disturbed(&mut server, proxy.as_ref(), &intake);
        let mut tally = Tally {
            kills: self.kills,
            breaks: proxy.as_ref().map_or(0, Proxy::breaks),
            troubles: intake.troubles(),
            took: begun.elapsed(),
            ..Tally::default()
        };
        let accepted = intake.accepted();
        check::ends(&server, &accepted, &mut tally);
        guests::mend(plugins.path());
        restart(&mut server);
        check::redrive(&server, &accepted, &mut tally);
        let some: Vec<&str> = tally.wrong.iter().take(20).map(String::as_str).collect();
        assert!(
            some.is_empty(),
            "{tally}\n{} wrong, such as\n{}",
            tally.wrong.len(),
            some.join("\n")
        );
        tally
    }

    /// Until every original was accepted and every job has ended. What is done by then is measured in steps of one
    /// original: each is accepted once, and ends once.
    fn disturbed(&self, server: &mut Server, proxy: Option<&Proxy>, intake: &Intake) {
        let all = 2 * self.submissions as usize;
        let stretches = self.kills as usize + 1;
        for stretch in 1..=stretches {
            let is_last = stretch == stretches;
            let goal = all * stretch / stretches;
            set_bad(proxy, true);
            intake.send_while(server, || {
                wait_for(server, goal, || intake.accepted_so_far());
                if !is_last {
                    server.signal("KILL");
                }
            });
            set_bad(proxy, false);
            if !is_last {
                restart(server);
            }
        }
    }
}

fn set_bad(proxy: Option<&Proxy>, bad: bool) {
    if let Some(proxy) = proxy {
        proxy.set_bad(bad);
    }
}

fn restart(server: &mut Server) {
    let is_back = server.kill_and_restart(&[]);
    assert!(is_back, "it does not come back:\n{}", server.log());
}

/// Waits until so many were sent and have ended, both together.
fn wait_for(server: &Server, goal: usize, sent: impl Fn() -> usize) {
    let (mut most, mut since) = (0, Instant::now());
    loop {
        let reached = sent() + ended(server).unwrap_or(0);
        if reached >= goal {
            return;
        }
        if reached > most {
            (most, since) = (reached, Instant::now());
        }
        assert!(
            since.elapsed() < STANDSTILL,
            "nothing goes on at {most} of {goal}: {}",
            String::from_utf8_lossy(&server.get("/v1/counts").body)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How many jobs have ended; `None` while the store does not answer.
fn ended(server: &Server) -> Option<usize> {
    let answer = server.get("/v1/counts");
    let counts = (answer.status == 200).then(|| answer.json())?;
    let of = |state: &str| counts[PIPELINE][state].as_u64().unwrap_or(0);
    Some((of("succeeded") + of("dead")) as usize)
}
