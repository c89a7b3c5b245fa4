//! Which nodes run now, said aloud: should the process die, these are the ones to blame.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Running<'a> {
    say: &'a (dyn Fn(&str) + Sync),
    /// Names by node.
    nodes: Mutex<BTreeMap<usize, &'a str>>,
}

impl<'a> Running<'a> {
    pub(super) fn new(say: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self {
            say,
            nodes: Mutex::default(),
        }
    }

    pub(super) fn begin(&self, node: usize, name: &'a str) {
        let mut nodes = self.nodes();
        nodes.insert(node, name);
        self.tell(&nodes);
    }

    /// When nothing is left, the next to begin or the end of the run follows at once and says so.
    pub(super) fn end(&self, node: usize) {
        let mut nodes = self.nodes();
        nodes.remove(&node);
        if !nodes.is_empty() {
            self.tell(&nodes);
        }
    }

    /// The end of the run.
    pub(super) fn nothing(&self) {
        self.tell(&self.nodes());
    }

    /// While the lock is held, so that what is said last is what is true.
    fn tell(&self, nodes: &BTreeMap<usize, &str>) {
        let names: Vec<&str> = nodes.values().copied().collect();
        (self.say)(&names.join(", "));
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<usize, &'a str>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_is_known_at_any_time() {
        let said = Mutex::new(Vec::new());
        let say = |names: &str| said.lock().unwrap().push(names.to_owned());
        let running = Running::new(&say);
        running.begin(0, "photo");
        running.end(0);
        running.begin(2, "thumb");
        running.begin(1, "large");
        running.end(2);
        running.end(1);
        running.nothing();
        assert_eq!(
            *said.lock().unwrap(),
            ["photo", "thumb", "large, thumb", "large", ""]
        );
    }
}
