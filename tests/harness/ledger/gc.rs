//! What is promised where jobs are forgotten as soon as they have ended well.

use super::{Ledger, is_poison};
use crate::Server;
use crate::dice::Dice;

impl Ledger {
    /// Any acknowledged job.
    pub(crate) fn any(&self, dice: &mut Dice) -> Option<String> {
        let jobs = self.held();
        let at = dice.below((jobs.len() as u32).max(1));
        jobs.keys().nth(at as usize).cloned()
    }

    /// The oldest job whose original is no picture; nothing is promised of it any more.
    pub(crate) fn give_up_poison(&self) -> Option<String> {
        let mut jobs = self.held();
        let oldest = jobs.iter().find(|(_, n)| is_poison(**n));
        let oldest = oldest.map(|(id, _)| id.clone())?;
        jobs.remove(&oldest);
        Some(oldest)
    }

    /// Every job that has not ended well is there with its original. Those that were forgotten are crossed out. Until the
    /// server dies over it.
    pub(crate) fn check_unforgotten(&self, server: &Server) {
        let jobs = self.held().clone();
        for (id, n) in jobs {
            let path = format!("/v1/jobs/{id}");
            let may_be_forgotten = !is_poison(n);
            let Some(job) = server.try_get(&path) else {
                return;
            };
            if job.status == 404 && may_be_forgotten {
                self.strike_out(&id);
                continue;
            }
            drop(job.ok());
            let Some(kept) = server.try_get(&format!("{path}/original")) else {
                return;
            };
            if kept.status != 200 && may_be_forgotten {
                // It may have been meanwhile.
                let Some(job) = server.try_get(&path) else {
                    return;
                };
                assert_eq!(job.status, 404, "the original of {id} is gone");
                continue;
            }
            self.is_what_was_sent(&id, n, &kept.ok().body);
        }
    }
}
