//! Walks the plan: each node runs once its input is there, on as many threads as the job may use.
//!
//! Values are dropped as soon as the last node that reads them has run, so that large frames do not
//! outlive their use. A failure ends the walk, but for the nodes that stand before the failed one in the plan: of
//! several that fail the first in the plan is reported, whichever came first in time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use workflow::failure::{Failure, FailureKind};

use super::{Run, Value, needs};

struct Walk<'a> {
    /// The nodes that each node reads.
    inputs: &'a [Vec<usize>],
    /// Nodes that may run, the next one last.
    ready: Vec<usize>,
    values: Vec<Option<Value>>,
    /// How many nodes still read each value.
    readers: Vec<usize>,
    /// How many inputs each node still waits for.
    waits: Vec<usize>,
    running: usize,
    /// The first node in the plan that has failed so far. What it needs stands before it, so it fails in any order.
    failure: Option<(usize, Failure)>,
}

pub(super) fn walk(run: &Run<'_>) -> Result<(), Failure> {
    let nodes = run.nodes();
    let inputs: Vec<Vec<usize>> = (0..nodes).map(|node| needs(run.plan(), node)).collect();
    let readers = (0..nodes)
        .map(|node| inputs.iter().flatten().filter(|i| **i == node).count())
        .collect();
    let walk = Mutex::new(Walk {
        inputs: &inputs,
        ready: (0..nodes).rev().filter(|node| inputs[*node].is_empty()).collect(),
        values: vec![None; nodes],
        readers,
        waits: inputs.iter().map(Vec::len).collect(),
        running: 0,
        failure: None,
    });
    let changed = Condvar::new();
    let threads = (run.job.threads as usize).clamp(1, widest(&inputs));
    if threads == 1 {
        work(run, &walk, &changed);
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| work(run, &walk, &changed));
            }
        });
    }
    walk.into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .failure
        .map_or(Ok(()), |(_, failure)| Err(failure))
}

/// No more threads than nodes that could ever run at once.
fn widest(inputs: &[Vec<usize>]) -> usize {
    let leaves = (0..inputs.len())
        .filter(|node| !inputs.iter().any(|i| i.contains(node)))
        .count();
    leaves.max(1)
}

/// What one thread does until nothing is left.
fn work(run: &Run<'_>, walk: &Mutex<Walk<'_>>, changed: &Condvar) {
    while let Some((node, values)) = next(walk, changed) {
        let result = if run.wants(node) {
            one(run, node, &values)
        } else {
            Ok(Value::Nothing)
        };
        drop(values);
        lock(walk).finish(node, result);
        changed.notify_all();
    }
}

/// Runs a node in the sight of whoever watches; a panic is its failure, too.
fn one(run: &Run<'_>, node: usize, values: &[Value]) -> Result<Value, Failure> {
    let name = run.name(node);
    run.running.begin(node, name);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.node(node, values)))
        .unwrap_or_else(|panic| Err(panicked(&*panic)));
    run.running.end(node);
    result.map_err(|failure| failure.at_step(name))
}

impl Walk<'_> {
    fn finish(&mut self, node: usize, result: Result<Value, Failure>) {
        self.running -= 1;
        self.has_read(node);
        match result {
            Ok(value) => {
                if self.readers[node] > 0 {
                    self.values[node] = Some(value);
                }
                self.release(node);
            }
            Err(failure) if self.matters(node) => {
                self.failure = Some((node, failure));
                for later in std::mem::take(&mut self.ready) {
                    self.make_ready(later);
                }
            }
            Err(_) => {}
        }
    }

    /// Whether what becomes of the node could change the walk's result.
    fn matters(&self, node: usize) -> bool {
        self.failure.as_ref().is_none_or(|(failed, _)| node < *failed)
    }

    /// Nodes that waited for this one alone may run now.
    fn release(&mut self, node: usize) {
        for reader in (0..self.inputs.len()).rev() {
            let edges = self.inputs[reader].iter().filter(|i| **i == node).count();
            if edges > 0 {
                self.waits[reader] -= edges;
                if self.waits[reader] == 0 {
                    self.make_ready(reader);
                }
            }
        }
    }

    fn make_ready(&mut self, node: usize) {
        if self.matters(node) {
            self.ready.push(node);
        } else {
            self.has_read(node);
        }
    }

    /// The node needs its inputs no more.
    fn has_read(&mut self, node: usize) {
        for from in &self.inputs[node] {
            self.readers[*from] -= 1;
            if self.readers[*from] == 0 {
                self.values[*from] = None;
            }
        }
    }
}

/// The next node that may run, with its inputs; `None` when there is nothing left to do.
fn next(walk: &Mutex<Walk<'_>>, changed: &Condvar) -> Option<(usize, Vec<Value>)> {
    let mut state = lock(walk);
    loop {
        if let Some(node) = state.ready.pop() {
            state.running += 1;
            let value = |from: &usize| state.values[*from].clone().unwrap_or(Value::Nothing);
            return Some((node, state.inputs[node].iter().map(value).collect()));
        }
        if state.running == 0 {
            return None;
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn lock<'m, 'a>(walk: &'m Mutex<Walk<'a>>) -> MutexGuard<'m, Walk<'a>> {
    walk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Failure::new(FailureKind::Internal, format!("the engine panicked: {text}"))
}
