use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const EVENTS: [Event; 12] = [
    Event::Claim,
    Event::Succeed,
    Event::Retry,
    Event::Due,
    Event::Park,
    Event::Release,
    Event::Rescue,
    Event::GiveBack,
    Event::Die,
    Event::Cancel,
    Event::Purge,
    Event::Redrive,
];

/// Everything that may come of a job in this state.
fn reachable(from: State) -> BTreeSet<State> {
    let mut found = BTreeSet::from([from]);
    loop {
        let more: BTreeSet<State> = TRANSITIONS
            .iter()
            .filter(|(state, ..)| found.contains(state))
            .map(|(.., to)| *to)
            .collect();
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

fn events_at(state: State) -> Vec<Event> {
    let meaningful = |event: &Event| after(state, *event).is_some();
    EVENTS.into_iter().filter(meaningful).collect()
}

#[test]
fn every_state_can_be_reached_and_every_job_can_end() {
    assert_eq!(reachable(State::Queued), BTreeSet::from(State::ALL));
    for state in State::ALL.into_iter().filter(|state| !state.is_end()) {
        let ends: Vec<State> = reachable(state).into_iter().filter(|s| s.is_end()).collect();
        assert_eq!(ends, [State::Succeeded, State::Dead, State::Cancelled], "{state}");
    }
}

#[test]
fn no_event_leads_to_two_states() {
    for (i, (state, event, to)) in TRANSITIONS.iter().enumerate() {
        let others = &TRANSITIONS[i + 1..];
        assert!(!others.iter().any(|(s, e, _)| (s, e) == (state, event)));
        assert_ne!(state, to, "{event:?}");
        assert_eq!(after(*state, *event), Some(*to));
        assert!(before(*event).any(|from| from == *state));
    }
}

#[test]
fn ends_are_ends() {
    assert_eq!(events_at(State::Succeeded), []);
    assert_eq!(events_at(State::Cancelled), []);
    assert_eq!(events_at(State::Dead), [Event::Purge, Event::Redrive]);
    let ends: Vec<State> = State::ALL.into_iter().filter(|state| state.is_end()).collect();
    assert_eq!(ends, [State::Succeeded, State::Dead, State::Cancelled]);
}

#[test]
fn only_a_claim_makes_a_job_run() {
    for (_, event, to) in TRANSITIONS {
        assert_eq!(to == State::Running, event == Event::Claim);
    }
    assert_eq!(before(Event::Claim).collect::<Vec<_>>(), [State::Queued]);
}

#[test]
fn names_read_back() {
    for state in State::ALL {
        assert_eq!(state.to_string().parse(), Ok(state));
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(json, format!("\"{state}\""));
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
    }
    let unknown = "done".parse::<State>().unwrap_err();
    insta::assert_snapshot!(unknown, @"`done` is no state of a job; these are: queued, running, retry-waiting, parked, succeeded, dead, cancelled");
}

const JOBS: usize = 3;

/// What somebody tries to do to a job.
#[derive(Debug, Clone)]
enum Attempt {
    /// A worker that holds the lease of `age` claims ago writes down how it ended.
    Settle { job: usize, event: Event, age: u64 },
    /// Everybody else.
    Other { job: usize, event: Event },
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let settling = [
        Event::Succeed,
        Event::Retry,
        Event::Die,
        Event::GiveBack,
        Event::Park,
    ];
    let settle = (0..JOBS, prop::sample::select(settling.to_vec()), 0_u64..3);
    let other = (0..JOBS, prop::sample::select(EVENTS.to_vec()));
    let attempt = prop_oneof![
        settle.prop_map(|(job, event, age)| Attempt::Settle { job, event, age }),
        other.prop_map(|(job, event)| Attempt::Other { job, event }),
        (0..JOBS).prop_map(|job| Attempt::Other {
            job,
            event: Event::Claim
        }),
    ];
    prop::collection::vec(attempt, 0..120)
}

/// A store of nothing but states and lease numbers, as a set of jobs for each state.
struct Model {
    at: [BTreeSet<usize>; State::ALL.len()],
    leases: [u64; JOBS],
    settled: BTreeSet<(usize, u64)>,
    /// How often a job came to an end, and was brought back from it.
    ends: [u32; JOBS],
    redrives: [u32; JOBS],
}

impl Model {
    fn new() -> Self {
        let mut at: [BTreeSet<usize>; State::ALL.len()] = Default::default();
        at[State::Queued as usize].extend(0..JOBS);
        Self {
            at,
            leases: [0; JOBS],
            settled: BTreeSet::new(),
            ends: [0; JOBS],
            redrives: [0; JOBS],
        }
    }

    /// The state of a job that is neither lost nor there twice.
    fn state(&self, job: usize) -> State {
        let states = State::ALL.into_iter();
        let found: Vec<State> = states.filter(|s| self.at[*s as usize].contains(&job)).collect();
        assert_eq!(found.len(), 1, "{job}: {found:?}");
        found[0]
    }

    fn attempt(&mut self, attempt: &Attempt) {
        match *attempt {
            Attempt::Settle { job, event, age } => {
                let held = age == 0 && self.state(job) == State::Running;
                if held && self.apply(job, event) {
                    assert!(self.settled.insert((job, self.leases[job])), "settled twice");
                }
            }
            Attempt::Other { job, event } => {
                let needs_lease = !matches!(event, Event::Rescue | Event::Cancel);
                if !(self.state(job) == State::Running && needs_lease) {
                    self.apply(job, event);
                }
            }
        }
    }

    fn apply(&mut self, job: usize, event: Event) -> bool {
        let from = self.state(job);
        let Some(to) = after(from, event) else {
            return false;
        };
        self.at[from as usize].remove(&job);
        self.at[to as usize].insert(job);
        self.leases[job] += u64::from(event == Event::Claim);
        self.redrives[job] += u32::from(event == Event::Redrive);
        // A dead letter that is thrown away does not end a second time.
        self.ends[job] += u32::from(to.is_end() && !from.is_end());
        true
    }
}

proptest! {
    #[test]
    fn a_job_is_never_lost_and_ends_once(attempts in attempts()) {
        let mut model = Model::new();
        for attempt in &attempts {
            model.attempt(attempt);
            for job in 0..JOBS {
                let ended = u32::from(model.state(job).is_end());
                prop_assert_eq!(model.ends[job], model.redrives[job] + ended, "{}", job);
            }
        }
    }

    #[test]
    fn whatever_happened_a_job_can_still_succeed(attempts in attempts()) {
        let mut model = Model::new();
        for attempt in &attempts {
            model.attempt(attempt);
        }
        for job in 0..JOBS {
            for event in [Event::Release, Event::Due, Event::Redrive, Event::Claim, Event::Succeed] {
                model.apply(job, event);
            }
            prop_assert!(matches!(model.state(job), State::Succeeded | State::Cancelled));
        }
    }
}
