//! Walks the plan: each node runs once its input is there, on as many threads as the job may use.
//!
//! Values are dropped as soon as the last node that reads them has run, so that large frames do not
//! outlive their use. The first failure stops the walk.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use workflow::failure::{Failure, FailureKind};

use super::{Run, Value, needs};

struct Walk {
    /// Nodes that may run, the next one last.
    ready: Vec<usize>,
    values: Vec<Option<Value>>,
    /// How many nodes still read each value.
    readers: Vec<usize>,
    /// How many inputs each node still waits for.
    waits: Vec<usize>,
    running: usize,
    left: usize,
    failure: Option<Failure>,
}

pub(super) fn walk(run: &Run<'_>) -> Result<(), Failure> {
    let plan = run.plan();
    let nodes = plan.steps.len() + plan.renditions.len();
    let inputs: Vec<Vec<usize>> = (0..nodes).map(|node| needs(plan, node)).collect();
    let readers = (0..nodes)
        .map(|node| inputs.iter().flatten().filter(|i| **i == node).count())
        .collect();
    let waits = inputs.iter().map(Vec::len).collect();
    let ready = (0..nodes).rev().filter(|node| inputs[*node].is_empty()).collect();
    let values = vec![None; nodes];
    let walk = Mutex::new(Walk {
        ready,
        values,
        readers,
        waits,
        running: 0,
        left: nodes,
        failure: None,
    });
    let changed = Condvar::new();
    let threads = (run.job.threads as usize).clamp(1, widest(&inputs));
    if threads == 1 {
        work(run, &inputs, &walk, &changed);
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| work(run, &inputs, &walk, &changed));
            }
        });
    }
    walk.into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .failure
        .map_or(Ok(()), Err)
}

/// No more threads than nodes that could ever run at once.
fn widest(inputs: &[Vec<usize>]) -> usize {
    let leaves = (0..inputs.len())
        .filter(|node| !inputs.iter().any(|i| i.contains(node)))
        .count();
    leaves.max(1)
}

/// What one thread does until nothing is left.
fn work(run: &Run<'_>, inputs: &[Vec<usize>], walk: &Mutex<Walk>, changed: &Condvar) {
    while let Some((node, values)) = next(inputs, walk, changed) {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.node(node, &values)))
            .unwrap_or_else(|panic| Err(panicked(&*panic)));
        drop(values);
        lock(walk).finish(node, result, inputs);
        changed.notify_all();
    }
}

impl Walk {
    fn finish(&mut self, node: usize, result: Result<Value, Failure>, inputs: &[Vec<usize>]) {
        self.running -= 1;
        self.left -= 1;
        for from in &inputs[node] {
            self.readers[*from] -= 1;
            if self.readers[*from] == 0 {
                self.values[*from] = None;
            }
        }
        match result {
            Ok(value) => {
                if self.readers[node] > 0 {
                    self.values[node] = Some(value);
                }
                self.release(node, inputs);
            }
            Err(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
    }

    /// Nodes that waited for this one alone may run now.
    fn release(&mut self, node: usize, inputs: &[Vec<usize>]) {
        for reader in (0..inputs.len()).rev() {
            let edges = inputs[reader].iter().filter(|i| **i == node).count();
            if edges > 0 {
                self.waits[reader] -= edges;
                if self.waits[reader] == 0 {
                    self.ready.push(reader);
                }
            }
        }
    }
}

/// The next node that may run, with its inputs; `None` when there is nothing left to do.
fn next(inputs: &[Vec<usize>], walk: &Mutex<Walk>, changed: &Condvar) -> Option<(usize, Vec<Value>)> {
    let mut state = lock(walk);
    loop {
        if state.failure.is_some() || state.left == 0 {
            return None;
        }
        if let Some(node) = state.ready.pop() {
            state.running += 1;
            let value = |from: &usize| state.values[*from].clone().unwrap_or(Value::Nothing);
            return Some((node, inputs[node].iter().map(value).collect()));
        }
        if state.running == 0 {
            return None;
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn lock(walk: &Mutex<Walk>) -> MutexGuard<'_, Walk> {
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
