//! libjpeg-turbo is the oracle: where the fast path says yes, the library must say the same, byte for byte.

mod encoder;

use turbojpeg::raw;

use super::super::compare::{Want, is_candidate, library, ours};
use encoder::{Options, encode};

const SAMPLINGS: [raw::TJSAMP; 3] = [
    raw::TJSAMP_TJSAMP_420,
    raw::TJSAMP_TJSAMP_444,
    raw::TJSAMP_TJSAMP_GRAY,
];

/// Decodes in every way and counts how often the fast path was taken.
fn check(jpeg: &[u8], what: &dyn std::fmt::Debug) -> usize {
    let mut taken = 0;
    for want in [Want::Planes, Want::Pixels] {
        if !is_candidate(jpeg, want) {
            continue;
        }
        for denominator in [2, 4, 8] {
            if let Some(ours) = ours(jpeg, denominator, want) {
                let theirs = library(jpeg, denominator, want).unwrap_or_else(|e| panic!("{what:?}: {e}"));
                assert!(ours == theirs, "{what:?} at 1/{denominator} as {want:?}");
                taken += 1;
            }
        }
    }
    taken
}

/// How often the fast path is taken for a file that is well.
fn expected(options: &Options) -> usize {
    if options.subsampling == raw::TJSAMP_TJSAMP_GRAY {
        3
    } else {
        6
    }
}

fn check_whole(rgb: &[u8], options: &Options) {
    assert_eq!(
        check(&encode(rgb, options), options),
        expected(options),
        "{options:?}"
    );
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
}

/// Noise, a gradient, stripes of full contrast, or something like a photograph.
fn picture(width: usize, height: usize, kind: usize, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let noise = random.next();
            for channel in 0..3 {
                out.push(match kind % 5 {
                    0 => (noise >> (8 * channel)) as u8,
                    1 => (x * 5 + y * 3 + channel * 40) as u8,
                    2 => 255 * (((x >> (y % 3)) + y + channel) % 2) as u8,
                    3 => 255 * (noise >> channel & 1) as u8,
                    _ => {
                        let wave = (x as f32 / 9.0).sin() * (y as f32 / 7.0 + channel as f32).cos();
                        (128.0 + 90.0 * wave + (noise % 16) as f32) as u8
                    }
                });
            }
        }
    }
    out
}

#[test]
fn every_size_and_sampling() {
    let mut random = Random(1);
    for at in 0..600 {
        let (width, height) = (1 + at % 40, 1 + at / 40 * 8 % 41);
        let rgb = picture(width, height, at, &mut random);
        let subsampling = SAMPLINGS[at % 3];
        check_whole(
            &rgb,
            &Options {
                width,
                height,
                subsampling,
                ..Options::default()
            },
        );
    }
}

#[test]
fn every_quality_and_content() {
    let mut random = Random(2);
    for quality in 1..=100 {
        for subsampling in SAMPLINGS {
            let rgb = picture(150, 37, quality + subsampling as usize, &mut random);
            let options = Options {
                width: 150,
                height: 37,
                quality: quality as i32,
                subsampling,
                optimise: quality % 2 == 0,
                ..Options::default()
            };
            check_whole(&rgb, &options);
        }
    }
}

#[test]
fn restart_intervals() {
    let mut random = Random(3);
    let rgb = picture(200, 90, 4, &mut random);
    for restart in 1..40 {
        for subsampling in SAMPLINGS {
            check_whole(
                &rgb,
                &Options {
                    width: 200,
                    height: 90,
                    restart,
                    subsampling,
                    ..Options::default()
                },
            );
        }
    }
}

/// More than a window of entropy-coded bytes, with and without restarts in it.
#[test]
fn large_files() {
    let mut random = Random(4);
    let rgb = picture(900, 700, 0, &mut random);
    for restart in [0, 1000] {
        for subsampling in SAMPLINGS {
            check_whole(
                &rgb,
                &Options {
                    width: 900,
                    height: 700,
                    quality: 97,
                    restart,
                    subsampling,
                    ..Options::default()
                },
            );
        }
    }
}

#[test]
fn what_is_not_known_is_left_alone() {
    let rgb = picture(40, 30, 1, &mut Random(5));
    for (subsampling, progressive) in [
        (raw::TJSAMP_TJSAMP_420, true),
        (raw::TJSAMP_TJSAMP_422, false),
        (raw::TJSAMP_TJSAMP_440, false),
        (raw::TJSAMP_TJSAMP_411, false),
    ] {
        let options = Options {
            subsampling,
            progressive,
            ..Options::default()
        };
        assert_eq!(check(&encode(&rgb, &options), &options), 0, "{options:?}");
    }
}

#[test]
fn fixtures() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let mut taken = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jpg") {
            taken += check(&std::fs::read(&path).unwrap(), &path);
        }
    }
    assert!(taken > 40, "{taken}");
}

/// Small files to damage.
fn victims() -> Vec<Vec<u8>> {
    let mut random = Random(6);
    let mut out = Vec::new();
    for (at, subsampling) in SAMPLINGS.into_iter().cycle().take(12).enumerate() {
        let options = Options {
            subsampling,
            quality: [20, 60, 92, 100][at % 4],
            restart: [0, 2][at / 4 % 2],
            optimise: at % 5 == 0,
            ..Options::default()
        };
        out.push(encode(&picture(40, 30, at, &mut random), &options));
    }
    out
}

#[test]
fn files_cut_short_are_never_taken() {
    for jpeg in victims() {
        let step = jpeg.len().div_ceil(300);
        for length in (0..jpeg.len()).step_by(step).chain(jpeg.len() - 20..jpeg.len()) {
            assert_eq!(check(&jpeg[..length], &length), 0, "{length} of {}", jpeg.len());
            // The same with an end where none should be.
            let ended = [&jpeg[..length], &[0xff, 0xd9]].concat();
            check(&ended, &length);
        }
    }
}

#[test]
fn flipped_bits_change_nothing_that_the_library_does_not() {
    let mut random = Random(7);
    for jpeg in victims() {
        for _ in 0..700 {
            let mut flipped = jpeg.clone();
            let at = random.below(jpeg.len());
            flipped[at] ^= 1 << random.below(8);
            check(&flipped, &at);
        }
    }
}

#[test]
fn random_pictures_and_options() {
    let mut random = Random(8);
    for _ in 0..150 {
        let options = Options {
            width: 1 + random.below(160),
            height: 1 + random.below(90),
            subsampling: SAMPLINGS[random.below(3)],
            quality: 1 + random.below(100) as i32,
            restart: random.below(20) as i32,
            optimise: random.below(2) == 0,
            progressive: false,
        };
        let kind = random.below(5);
        check_whole(
            &picture(options.width, options.height, kind, &mut random),
            &options,
        );
    }
}
