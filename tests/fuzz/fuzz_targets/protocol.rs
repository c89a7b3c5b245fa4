//! Any bytes from an executor: the server takes an answer or an error, and no more memory than it allows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| server::fuzzing::response(bytes));
