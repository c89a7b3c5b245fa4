//! A small world around the breaker: jobs that are queued, parked or answered, a clock that jumps, people.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// Outcome of one of the jobs that may run, or of one that ran before it opened.
    Answer {
        original: u32,
        ok: bool,
    },
    Late {
        original: u32,
        ok: bool,
        pass: bool,
    },
    /// Jobs come; they are parked where the breaker does not admit them.
    Arrive(u64),
    /// A worker parks one with what it knew before.
    Straggle,
    /// A job that was let go is cancelled or lost.
    Vanish,
    Wait(i64),
    SetClock(i64),
    Tick,
    Trip,
    Isolate,
    Miss,
    Find,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let original = 0_u32..30;
    prop_oneof![
        12 => (original.clone(), prop::bool::weighted(0.5)).prop_map(|(original, ok)| Step::Answer { original, ok }),
        4 => (original, any::<bool>(), any::<bool>()).prop_map(|(original, ok, pass)| Step::Late { original, ok, pass }),
        4 => (0_u64..40).prop_map(Step::Arrive),
        1 => Just(Step::Straggle),
        1 => Just(Step::Vanish),
        6 => (0_i64..20 * 60 * SECOND).prop_map(Step::Wait),
        1 => any::<i64>().prop_map(Step::SetClock),
        8 => Just(Step::Tick),
        1 => Just(Step::Trip),
        1 => Just(Step::Isolate),
        1 => Just(Step::Miss),
        1 => Just(Step::Find),
        1 => Just(Step::Clear),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..150)
}

fn settings() -> impl Strategy<Value = Settings> {
    let rate = prop::sample::select(vec![0.0, 0.1, 0.5, 1.0]);
    (rate, 0_u32..12, 0_u32..6, 0_i64..2 * MAX_COOLDOWN_MS).prop_map(
        |(failure_rate, window, min_failures, cooldown_ms)| Settings {
            failure_rate,
            window,
            min_failures,
            cooldown_ms,
        },
    )
}

struct World {
    breaker: Breaker,
    settings: Settings,
    parked: u64,
    /// Queued or running, with and without a pass.
    passed: u64,
    plain: u64,
    now: Millis,
}

impl World {
    fn new(settings: Settings) -> Self {
        Self {
            breaker: Breaker::new(),
            settings,
            parked: 0,
            passed: 0,
            plain: 0,
            now: START,
        }
    }

    fn hear(&mut self, event: &Event) {
        let isolated = *self.breaker.phase() == Phase::Isolated;
        let before = self.breaker.clone();
        for effect in self.breaker.hear(event, self.parked, self.now) {
            match effect {
                Effect::Park => {
                    self.parked += self.passed + self.plain;
                    (self.passed, self.plain) = (0, 0);
                }
                Effect::Release(some) => {
                    assert!(some > 0 && u64::from(some) <= self.parked, "{before:?}");
                    self.parked -= u64::from(some);
                    self.passed += u64::from(some);
                }
                Effect::ReleaseAll => {
                    self.plain += self.parked;
                    self.parked = 0;
                }
            }
        }
        if isolated && *event != Event::Clear {
            assert_eq!(self.breaker.phase(), &Phase::Isolated);
        }
        self.must_hold();
    }

    fn must_hold(&self) {
        let breaker = &self.breaker;
        assert!(breaker.originals() <= breaker.settings().window.max(1) as usize);
        assert!(breaker.failures() <= breaker.originals());
        let closed = *breaker.phase() == Phase::Closed;
        assert_eq!(breaker.opened_at().is_none(), closed);
        assert_eq!(breaker.reason().is_none(), closed);
        if let Phase::Open { until, cooldown_ms } = *breaker.phase() {
            assert!((1..=MAX_COOLDOWN_MS).contains(&cooldown_ms));
            assert!(until.saturating_sub(self.now) <= cooldown_ms);
        }
        assert!(!breaker.admits(false) || breaker.admits(true));
    }

    fn answer(&mut self, original: u32, ok: bool) {
        let pass = self.passed > 0 && self.breaker.admits(true);
        if pass {
            self.passed -= 1;
        } else if self.plain > 0 && self.breaker.admits(false) {
            self.plain -= 1;
        } else {
            return;
        }
        self.outcome(original, ok, pass);
    }

    fn outcome(&mut self, original: u32, ok: bool, pass: bool) {
        self.hear(&Event::Outcome {
            original: original.to_string(),
            ok,
            settings: self.settings,
            pass,
        });
    }

    fn arrive(&mut self, jobs: u64) {
        if self.breaker.admits(false) {
            self.plain += jobs;
        } else {
            self.parked += jobs;
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Answer { original, ok } => self.answer(original, ok),
            Step::Late { original, ok, pass } => self.outcome(original, ok, pass),
            Step::Arrive(jobs) => self.arrive(jobs),
            Step::Straggle => self.parked += 1,
            Step::Vanish => self.passed = self.passed.saturating_sub(1),
            Step::Wait(ms) => self.now = self.now.saturating_add(ms),
            Step::SetClock(to) => self.now = to,
            Step::Tick => self.hear(&Event::Tick),
            Step::Trip => self.hear(&Event::Trip),
            Step::Isolate => self.hear(&Event::Isolate),
            Step::Miss => self.hear(&Event::Missing { what: "blur".into() }),
            Step::Find => self.hear(&Event::Found),
            Step::Clear => self.hear(&Event::Clear),
        }
    }

    fn is_well(&self) -> bool {
        *self.breaker.phase() == Phase::Closed && self.parked == 0
    }

    /// Time passes, one job comes each second, and all that may run does well. Gives back the seconds it took.
    fn heal(&mut self) -> Option<u32> {
        let original = 1_000_u32;
        (0..3600).find(|second| {
            self.hear(&Event::Tick);
            self.arrive(1);
            // Whoever claims one that may not run parks it.
            if !self.breaker.admits(false) {
                self.parked += std::mem::take(&mut self.plain);
            }
            for n in 0..self.passed + self.plain {
                self.answer(original + second * 1000 + n as u32, true);
            }
            self.now += SECOND;
            self.is_well()
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_is_never_stuck(steps in steps(), settings in settings(), clock in -START..START) {
        let mut world = World::new(settings);
        for step in &steps {
            world.step(step);
        }
        world.now = clock;
        if *world.breaker.phase() == Phase::Isolated {
            prop_assert!(world.heal().is_none());
            world.hear(&Event::Clear);
        }
        if *world.breaker.phase() == Phase::Missing {
            prop_assert!(world.heal().is_none());
            world.hear(&Event::Found);
        }
        let took = world.heal();
        prop_assert!(took.is_some(), "{:?}, {} parked", world.breaker, world.parked);
    }

    #[test]
    fn it_is_not_stuck_either_when_nobody_answers(steps in steps(), settings in settings()) {
        let mut world = World::new(settings);
        for step in &steps {
            world.step(step);
        }
        world.now = START;
        world.hear(&Event::Clear);
        (world.parked, world.passed, world.plain) = (200, 0, 0);
        world.hear(&Event::Trip);
        for _ in 0..70 {
            (world.passed, world.plain) = (0, 0);
            world.now += MAX_COOLDOWN_MS;
            world.hear(&Event::Tick);
        }
        prop_assert_eq!(world.parked, 0);
        prop_assert!(world.breaker.admits(false));
    }

    #[test]
    fn it_recovers_where_every_pipeline_does_without(steps in steps(), settings in settings(), jobs in 1_u32..4) {
        let mut world = World::new(settings);
        for step in &steps {
            world.step(step);
        }
        world.hear(&Event::Clear);
        world.hear(&Event::Trip);
        (world.parked, world.passed, world.plain) = (0, 0, 0);
        world.now = START;
        let healed = (0..3600).any(|second| {
            world.hear(&Event::Tick);
            for n in 0..jobs {
                // One that is not admitted passes over the step and says nothing.
                if world.breaker.admits(false) {
                    world.outcome(second * 10 + n, true, false);
                }
            }
            world.now += SECOND;
            world.is_well()
        });
        prop_assert!(healed, "{:?}", world.breaker);
    }

    #[test]
    fn one_original_alone_never_opens_it(
        oks in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 0..100),
        settings in settings(),
    ) {
        let settings = Settings { min_failures: settings.min_failures.max(2), ..settings };
        let mut world = World::new(settings);
        for (ok, pass, tick) in oks {
            world.outcome(7, ok, pass);
            if tick {
                world.step(&Step::Tick);
            }
            prop_assert_eq!(world.breaker.phase(), &Phase::Closed);
        }
    }

    #[test]
    fn a_sick_plugin_gets_few_jobs_an_hour(settings in settings()) {
        let settings = Settings { min_failures: 5, window: 10, ..settings };
        let mut world = World::new(settings);
        world.hear(&Event::Trip);
        world.outcome(0, false, false);
        world.hear(&Event::Trip);
        let mut failed = 0;
        for second in 0..4 * 3600 {
            world.arrive(1);
            world.hear(&Event::Tick);
            for n in 0..world.passed {
                failed += 1;
                world.answer(second * 1000 + n as u32, false);
            }
            world.now += SECOND;
        }
        // 21 doublings from a millisecond, then four pauses an hour.
        prop_assert!(failed <= 3 * (21 + 16), "{failed}");
    }

    #[test]
    fn the_store_keeps_all_of_it(steps in steps(), settings in settings()) {
        let mut world = World::new(settings);
        for step in &steps {
            world.step(step);
            let json = serde_json::to_string(&world.breaker).unwrap();
            world.breaker = serde_json::from_str(&json).unwrap();
        }
        let mut other = World::new(settings);
        for step in &steps {
            other.step(step);
        }
        prop_assert_eq!(world.breaker, other.breaker);
    }
}
