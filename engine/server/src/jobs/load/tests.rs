use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn size(bytes: u64) -> Size {
    Size {
        steps: 2,
        bytes,
        pixels: None,
    }
}

fn wait(load: &Load, jobs: &[(&str, u64)]) {
    let waiting = jobs.iter().map(|(name, n)| ((*name).to_owned(), *n));
    let numbers = Numbers {
        waiting: waiting.collect(),
        ..Numbers::default()
    };
    load.waiting(numbers, Instant::now(), 1);
}

/// Is committed at once.
fn took_in(load: &Load, cost: f64) {
    let promise = load.take_in(cost, Lane::Interactive, Duration::MAX, 1);
    promise.unwrap().keep();
}

/// With a pipeline `slow` of 2 s and a pipeline `fast` of 0.1 s a job.
fn learnt() -> Load {
    let load = Load::default();
    load.ran("slow", size(0), Duration::from_secs(2));
    load.ran("fast", size(0), Duration::from_millis(100));
    load
}

#[test]
fn the_backlog_is_work_and_not_a_number_of_jobs() {
    let load = learnt();
    wait(&load, &[("slow", 9), ("fast", 19)]);
    took_in(&load, 2000.0);
    took_in(&load, 100.0);
    assert_eq!(load.backlog(2), Duration::from_secs(11));
    let load = learnt();
    wait(&load, &[("never seen", 2)]);
    assert!(load.any_waits());
    assert_eq!(load.backlog(1), Duration::from_millis(2100), "the mean of all");
}

#[test]
fn an_unknown_pipeline_costs_by_its_steps_and_bytes() {
    let load = Load::default();
    assert_eq!(load.cost("new", size(0)), 100);
    assert_eq!(load.cost("new", size(3 << 20)), 400);
    // 1000 and 50 for each of two steps.
    let load = learnt();
    assert_eq!(load.cost("new", size(0)), 1050);
    let long = Size { steps: 4, ..size(0) };
    assert_eq!(load.cost("new", long), 2100);
}

#[test]
fn who_is_refused_learns_when_it_will_fit() {
    let load = learnt();
    assert!(!load.any_waits());
    took_in(&load, 10_000.0);
    assert!(load.any_waits());
    let limit = Duration::from_secs(8);
    let out = |cost, executors| load.keeps_out(cost, Lane::Interactive, limit, executors);
    assert_eq!(out(3000.0, 1), Some(Duration::from_secs(5)));
    assert_eq!(out(0.0, 1), Some(Duration::from_secs(2)));
    assert_eq!(out(0.0, 2), None, "two do it in five seconds");
}

#[test]
fn what_is_larger_than_the_limit_runs_when_nothing_waits() {
    let load = learnt();
    assert_eq!(load.keeps_out(1e9, Lane::Bulk, HOUR, 1), None);
    took_in(&load, 1000.0);
    let out = load.keeps_out(1e9, Lane::Bulk, HOUR, 1);
    assert_eq!(out, Some(Duration::from_secs(1)), "until nothing waits");
}

#[test]
fn bulk_leaves_half_of_the_backlog_to_others() {
    let load = learnt();
    let bulk = |cost| load.keeps_out(cost, Lane::Bulk, HOUR, 1);
    while bulk(60_000.0).is_none() {
        took_in(&load, 60_000.0);
    }
    assert_eq!(load.backlog(1), HOUR / 2);
    assert_eq!(load.keeps_out(60_000.0, Lane::Interactive, HOUR, 1), None);
}

#[test]
fn of_many_at_once_no_more_come_in_than_one_by_one() {
    let load = learnt();
    let limit = Duration::from_secs(8);
    let take = || load.take_in(3000.0, Lane::Interactive, limit, 1);
    let first = take().unwrap();
    let second = take().unwrap();
    assert_eq!(take().unwrap_err(), Duration::from_secs(1));
    drop(first);
    take().unwrap().keep();
    second.keep();
    assert_eq!(
        load.backlog(1),
        Duration::from_secs(6),
        "what was not kept is no work"
    );
}

#[test]
fn other_servers_shorten_the_backlog() {
    let load = learnt();
    let begin = Instant::now();
    for n in 0..300 {
        let numbers = Numbers {
            waiting: BTreeMap::from([("slow".to_owned(), 100)]),
            running: true,
            ended: BTreeMap::from([("slow".to_owned(), 2 * n)]),
            ..Numbers::default()
        };
        load.waiting(numbers, begin + Duration::from_secs(n), 1);
    }
    // Two jobs of two seconds each second: four executors.
    let backlog = load.backlog(1).as_secs();
    assert!((49..=52).contains(&backlog), "{backlog}");
}

/// A job in a long backoff, or a queue that nobody works on, makes no server look slow.
#[test]
fn who_only_waits_slows_nobody_down() {
    let queue = || BTreeMap::from([("slow".to_owned(), 5)]);
    for (waiting, running, retrying) in [
        (BTreeMap::new(), false, true),
        (BTreeMap::new(), true, true),
        (queue(), false, true),
    ] {
        let load = learnt();
        let begin = Instant::now();
        for n in 0..900 {
            let numbers = Numbers {
                waiting: waiting.clone(),
                running,
                retrying,
                ended: BTreeMap::new(),
            };
            load.waiting(numbers, begin + Duration::from_secs(n), 2);
        }
        assert!(load.any_waits(), "a retry must be seen when it is due");
        let queued = waiting.values().sum::<u64>();
        assert_eq!(load.backlog(2), Duration::from_secs(queued), "{running}");
        assert_eq!(load.keeps_out(100.0, Lane::Interactive, HOUR, 2), None);
    }
}

#[test]
fn a_queue_takes_as_long_as_its_jobs() {
    assert_eq!(Load::default().turns(10, 2), Duration::from_secs(1));
    assert_eq!(learnt().turns(4, 2), Duration::from_millis(2100));
}
