//! Walks the plan: each node runs once its input is there, on as many threads as the job may use.
//!
//! Values are dropped as soon as the last node that reads them has run, so that large frames do not
//! outlive their use. The first failure stops the walk.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use workflow::failure::{Failure, FailureKind};

use super::{Run, Value, input_of};

struct Walk {
    /// Nodes that may run, the next one last.
    ready: Vec<usize>,
    values: Vec<Option<Value>>,
    /// How many nodes still read each value.
    readers: Vec<usize>,
    running: usize,
    left: usize,
    failure: Option<Failure>,
}

pub(super) fn walk(run: &Run<'_>) -> Result<(), Failure> {
    let plan = run.plan();
    let nodes = plan.steps.len() + plan.renditions.len();
    let inputs: Vec<Option<usize>> = (0..nodes).map(|node| input_of(plan, node)).collect();
    let readers = (0..nodes).map(|node| inputs.iter().filter(|i| **i == Some(node)).count()).collect();
    let ready = (0..nodes).rev().filter(|node| inputs[*node].is_none()).collect();
    let values = vec![None; nodes];
    let walk = Mutex::new(Walk { ready, values, readers, running: 0, left: nodes, failure: None });
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
    walk.into_inner().unwrap_or_else(PoisonError::into_inner).failure.map_or(Ok(()), Err)
}

/// No more threads than nodes that could ever run at once.
fn widest(inputs: &[Option<usize>]) -> usize {
    let leaves = (0..inputs.len()).filter(|node| !inputs.contains(&Some(*node))).count();
    leaves.max(1)
}

/// What one thread does until nothing is left.
fn work(run: &Run<'_>, inputs: &[Option<usize>], walk: &Mutex<Walk>, changed: &Condvar) {
    while let Some(node) = next(walk, changed) {
        let input = inputs[node].and_then(|from| lock(walk).values[from].clone());
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.node(node, input.as_ref())))
            .unwrap_or_else(|panic| Err(panicked(&*panic)));
        drop(input);
        let mut state = lock(walk);
        state.running -= 1;
        state.left -= 1;
        if let Some(from) = inputs[node] {
            state.readers[from] -= 1;
            if state.readers[from] == 0 {
                state.values[from] = None;
            }
        }
        match result {
            Ok(value) => {
                if state.readers[node] > 0 {
                    state.values[node] = Some(value);
                }
                state.ready.extend((0..inputs.len()).rev().filter(|n| inputs[*n] == Some(node)));
            }
            Err(failure) => {
                state.failure.get_or_insert(failure);
            }
        }
        drop(state);
        changed.notify_all();
    }
}

fn next(walk: &Mutex<Walk>, changed: &Condvar) -> Option<usize> {
    let mut state = lock(walk);
    loop {
        if state.failure.is_some() || state.left == 0 {
            return None;
        }
        if let Some(node) = state.ready.pop() {
            state.running += 1;
            return Some(node);
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
