//! Any bytes: where the decoder for reduced scales takes a JPEG, libjpeg-turbo takes it, too, and gives the
//! same bytes.
#![no_main]

use imaging::compare::{Want, is_candidate, library, ours};
use libfuzzer_sys::fuzz_target;

/// The size that a header may claim; larger ones only take time.
const LARGEST: u64 = 1 << 18;

fuzz_target!(|bytes: &[u8]| {
    let small = |header: &imaging::Header| u64::from(header.width) * u64::from(header.height) <= LARGEST;
    if !imaging::header(bytes).is_ok_and(|header| small(&header)) {
        return;
    }
    for want in [Want::Planes, Want::Pixels] {
        if !is_candidate(bytes, want) {
            continue;
        }
        for denominator in [2, 4, 8] {
            if let Some(ours) = ours(bytes, denominator, want) {
                assert_eq!(
                    Ok(ours),
                    library(bytes, denominator, want),
                    "1/{denominator} {want:?}"
                );
            }
        }
    }
});
