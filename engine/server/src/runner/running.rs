//! Which nodes run now, said aloud: should the process die, these are the ones to blame.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Running<'a> {
    say: &'a (dyn Fn(&str) + Sync),
    state: Mutex<State<'a>>,
}

#[derive(Default)]
struct State<'a> {
    /// Names by node.
    nodes: BTreeMap<usize, &'a str>,
    /// What was said last; nothing is said twice.
    said: String,
}

impl<'a> Running<'a> {
    pub(super) fn new(say: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self {
            say,
            state: Mutex::default(),
        }
    }

    pub(super) fn begin(&self, node: usize, name: &'a str) {
        let mut state = self.state();
        state.nodes.insert(node, name);
        self.tell(&mut state);
    }

    /// When nothing is left, the next to begin or the end of the run follows at once and says so.
    pub(super) fn end(&self, node: usize) {
        let mut state = self.state();
        state.nodes.remove(&node);
        if !state.nodes.is_empty() {
            self.tell(&mut state);
        }
    }

    /// The end of the run.
    pub(super) fn nothing(&self) {
        self.tell(&mut self.state());
    }

    /// While the lock is held, so that what is said last is what is true.
    fn tell(&self, state: &mut State<'_>) {
        let names: Vec<&str> = state.nodes.values().copied().collect();
        let names = names.join(", ");
        if names != state.said {
            (self.say)(&names);
            state.said = names;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        running.nothing();
        assert_eq!(
            *said.lock().unwrap(),
            ["photo", "thumb", "large, thumb", "large", ""]
        );
    }
}
