//! Turns: whose job is next.
//!
//! Start-time fair queueing. A job's turn is the later of the lane's clock and its owner's last turn, plus its cost;
//! jobs go by turn, and the clock is the last turn that was claimed. So an owner who sends a thousand jobs waits
//! behind his own, and one who was idle gains nothing from it.

use std::collections::BTreeMap;

use workflow::ports::Lane;

use super::fault::{Done, Fault};
use super::row::{Read, rows};
use super::tally::{lane, number};
use super::tx::Tx;

/// One job that needs a turn.
pub(super) struct Turn<'a> {
    pub(super) owner: &'a str,
    pub(super) lane: Lane,
    pub(super) cost: u32,
}

impl Turn<'_> {
    fn cost(&self) -> i64 {
        i64::from(self.cost.max(1))
    }
}

impl Tx<'_> {
    /// A turn for each, in order. Locks the owners' rows.
    pub(super) async fn turns(&mut self, jobs: &[Turn<'_>]) -> Done<Vec<i64>> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let mut totals: BTreeMap<(&str, Lane), i64> = BTreeMap::new();
        for job in jobs {
            *totals.entry((job.owner, job.lane)).or_default() += job.cost();
        }
        let mut last = self.reserve(&totals).await?;
        let missing = || Fault::Data("an owner got no turn".into());
        jobs.iter()
            .map(|job| {
                let turn = last
                    .get_mut(&(job.owner.to_owned(), job.lane))
                    .ok_or_else(missing)?;
                *turn += job.cost();
                Ok(*turn)
            })
            .collect()
    }

    /// Moves each owner on by a total, and gives back where each was.
    async fn reserve(&mut self, totals: &BTreeMap<(&str, Lane), i64>) -> Done<BTreeMap<(String, Lane), i64>> {
        let wanted: Vec<_> = totals
            .iter()
            .map(|((owner, lane), total)| (owner, number(*lane), total))
            .collect();
        let owners = self
            .all(
                "INSERT INTO owners (owner, lane, turn)
                 SELECT b_owner, b_lane, COALESCE((SELECT MAX(turn) FROM clocks WHERE lane = b_lane), 0) + b_total
                 FROM (SELECT value->>0 AS b_owner, CAST(value->>1 AS BIGINT) AS b_lane,
                              CAST(value->>2 AS BIGINT) AS b_total
                       FROM rows($1)) AS b
                 WHERE true
                 ON CONFLICT (owner, lane) DO UPDATE SET turn = excluded.turn + COALESCE(
                     (SELECT CASE WHEN owners.turn > MAX(turn) THEN owners.turn - MAX(turn) ELSE 0 END
                      FROM clocks WHERE lane = excluded.lane HAVING MAX(turn) IS NOT NULL), owners.turn)
                 RETURNING owner, lane, turn",
                &[rows(&wanted)?],
            )
            .await?;
        owners
            .iter()
            .map(|row| {
                let key = (row.text("owner")?, lane(row.int("lane")?));
                let total = totals.get(&(key.0.as_str(), key.1)).copied().unwrap_or_default();
                Ok((key, row.int("turn")? - total))
            })
            .collect()
    }
}
