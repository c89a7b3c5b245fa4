//! What a caller asks for besides the originals, and whether it was asked for before.

use workflow::plan::Plan;
use workflow::ports::{Earlier, Lane, RequestKey};

use super::{Refused, Ticket};

#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) lane: Lane,
    pub(crate) owner: String,
    /// `Idempotency-Key`.
    pub(crate) key: Option<String>,
    pub(crate) executors: usize,
    /// What the caller calls the only original.
    pub(crate) filename: Option<String>,
    /// Addresses that the originals come from, if they do not come with the request. Then these are what it says: what
    /// they give may change.
    pub(crate) sources: Vec<String>,
    /// What came before with the key, as `admit` found it.
    pub(super) earlier: Option<Earlier>,
}

impl<'a> Wish<'a> {
    pub(crate) fn new(plan: &'a Plan, owner: String, key: Option<String>, executors: usize) -> Self {
        Self {
            plan,
            lane: Lane::Interactive,
            owner,
            key,
            executors,
            filename: None,
            sources: Vec::new(),
            earlier: None,
        }
    }

    /// Something came before with the key; whether it was the same is another question.
    pub(crate) fn came_before(&self) -> bool {
        self.earlier.is_some()
    }

    /// The jobs of the same request, if it came before and names where its originals are. They need not be fetched.
    pub(crate) fn replayed(&self) -> Result<Option<Ticket>, Refused> {
        self.answered(&self.fingerprint(&[]))
    }

    /// `fingerprint` is this request's.
    pub(super) fn answered(&self, fingerprint: &str) -> Result<Option<Ticket>, Refused> {
        match &self.earlier {
            None => Ok(None),
            Some(earlier) if earlier.fingerprint == fingerprint => {
                Ok(Some(Ticket::Before(earlier.jobs.clone())))
            }
            Some(_) => Err(Refused::Conflict),
        }
    }

    pub(super) fn request(&self, fingerprint: String) -> Option<RequestKey> {
        self.key.as_ref().map(|key| RequestKey {
            owner: self.owner.clone(),
            key: key.clone(),
            fingerprint,
        })
    }

    /// Of everything that the request says. `originals`: the digest and the name of each one.
    pub(super) fn fingerprint(&self, originals: &[(&str, Option<&str>)]) -> String {
        let mut said = self.plan.pipeline.clone();
        let mut say = |what: &str, filename: Option<&str>| {
            let each = format!("\n{what}\n{:?}\n{filename:?}", self.lane);
            said.push_str(&each);
        };
        if self.sources.is_empty() {
            for &(digest, filename) in originals {
                say(digest, filename);
            }
        } else {
            for source in &self.sources {
                say(source, self.filename.as_deref());
            }
        }
        storage::blobs::digest(said.as_bytes())
    }
}
