//! Any bytes: the type is told and the header read without panic and within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if imaging::sniff(bytes).is_some() {
        if let Ok(header) = imaging::header(bytes) {
            drop(header.check(bytes.len() as u64, &workflow::limits::InputLimits::default()));
        }
    }
});
