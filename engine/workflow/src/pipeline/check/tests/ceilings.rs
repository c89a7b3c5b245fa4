use super::*;
use crate::pipeline::{Bytes, Ceilings, Duration, Pixels};

const ASKS: &str = "pipeline: greedy
input: { max_bytes: 50MB, max_pixels: 200MP, max_side: 20000, max_frames: 300, max_total_pixels: 800MP, max_cpu: 20s }
timeout: 2m
steps:
  - { id: photo, uses: decode }
  - { id: marked, uses: adjust@^1, limits: { memory: 256MiB, timeout: 20s } }
renditions:
  - { name: a.png, format: png }
";

fn low() -> Ceilings {
    Ceilings {
        max_bytes: Some(Bytes(10_000_000)),
        max_pixels: Some(Pixels(50_000_000)),
        max_side: Some(8000),
        max_frames: Some(10),
        max_total_pixels: Some(Pixels(100_000_000)),
        max_cpu: Some(Duration::from_secs(5)),
        timeout: Some(Duration::from_secs(30)),
        plugin_memory: Some(Bytes(32 << 20)),
        plugin_timeout: Some(Duration::from_secs(1)),
    }
}

#[test]
fn what_asks_for_more_is_refused_where_it_stands() {
    let problems = check_within(ASKS, "greedy.yaml", &catalog(), &low()).unwrap_err();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 9, "{texts:#?}");
    assert_eq!(
        texts[1],
        "greedy.yaml:2:39: error: `input.max_pixels` asks for 200MP; this server allows at most 50MP (`--max-pixels`)"
    );
    assert_eq!(
        texts[7],
        "greedy.yaml:6:54: error: `limits.memory` asks for 256MiB; this server allows at most 32MiB (`--max-plugin-memory`)"
    );
}

#[test]
fn what_asks_for_no_more_passes() {
    assert!(check(ASKS, "greedy.yaml", &catalog()).is_ok());
    let exact = Ceilings {
        max_bytes: Some(Bytes(50_000_000)),
        ..Ceilings::default()
    };
    assert!(check_within(ASKS, "greedy.yaml", &catalog(), &exact).is_ok());
}

#[test]
fn defaults_and_hints_are_lowered() {
    let modest = ASKS
        .lines()
        .filter(|line| !line.starts_with("input:") && !line.starts_with("timeout:"))
        .map(|line| line.split(", limits:").next().unwrap().to_owned())
        .map(|line| {
            if line.contains("adjust") {
                line + " }\n"
            } else {
                line + "\n"
            }
        })
        .collect::<String>();
    let plain = check(&modest, "modest.yaml", &catalog()).unwrap().plan;
    let plan = check_within(&modest, "modest.yaml", &catalog(), &low())
        .unwrap()
        .plan;
    assert_eq!((plan.limits.max_bytes, plan.limits.max_frames), (10_000_000, 10));
    assert_eq!((plan.max_cpu_ms, plan.timeout_ms), (5000, 30_000));
    let Action::Plugin(adjust) = &plan.steps[1].action else {
        panic!("no plugin")
    };
    assert_eq!((adjust.limits.memory, adjust.limits.timeout_ms), (32 << 20, 1000));
    assert_ne!(plan.digest, plain.digest);
}
