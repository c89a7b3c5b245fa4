//! Any text: checking it as a pipeline ends, with a plan or with problems.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workflow::pipeline::{StaticCatalog, check};

fuzz_target!(|text: &str| {
    drop(check(text, "fuzz.yaml", &StaticCatalog(Vec::new())));
});
