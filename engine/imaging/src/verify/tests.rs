//! The gate lets through what was encoded and nothing else.

use workflow::rendition::{Chroma, Format};

use super::*;
use crate::encode::encode;
use crate::frame::Planes;
use crate::ops::{frame_of, samples, view};

fn frame() -> Frame {
    samples::smooth(150, 131)
}

fn options(format: Format) -> Encode {
    Encode {
        effort: (format == Format::Avif).then_some(0),
        ..Encode::new(format)
    }
}

#[test]
fn what_was_encoded_passes_in_every_format() {
    let clear = frame_of(150, 131, 4, [90, 200, 30, 60].repeat(150 * 131));
    let planes = samples::planes(151, 130, 2, 2);
    for format in Format::ALL {
        for frame in [
            frame(),
            clear.clone(),
            crate::colour::to_gray8(&frame()),
            planes.clone(),
        ] {
            let picture = Picture::still(frame);
            let bytes = encode(&picture, &options(format)).unwrap();
            verify(&bytes, &picture, &options(format)).unwrap();
        }
    }
}

#[test]
fn the_lowest_quality_passes_too() {
    let picture = Picture::still(samples::rgb(150, 131));
    for format in [Format::Jpeg, Format::Webp] {
        let options = Encode {
            quality: Some(1),
            ..options(format)
        };
        verify(&encode(&picture, &options).unwrap(), &picture, &options).unwrap();
    }
}

#[test]
fn a_file_cut_short_is_caught_wherever_it_ends() {
    let picture = Picture::still(frame());
    for format in Format::ALL {
        let bytes = encode(&picture, &options(format)).unwrap();
        for end in [
            0,
            10,
            bytes.len() / 2,
            bytes.len() * 9 / 10,
            bytes.len() - 2,
            bytes.len() - 1,
        ] {
            let error = verify(&bytes[..end], &picture, &options(format)).unwrap_err();
            assert_eq!(error.kind, FailureKind::BadOutput, "{format:?} {end}");
        }
    }
}

#[test]
fn a_wrong_size_or_format_is_caught() {
    let (small, large) = (Picture::still(samples::smooth(150, 130)), Picture::still(frame()));
    for format in Format::ALL {
        let bytes = encode(&small, &options(format)).unwrap();
        let error = verify(&bytes, &large, &options(format)).unwrap_err();
        assert!(error.message.contains("150 x 130"), "{error}");
        let other = if format == Format::Png {
            Format::Jpeg
        } else {
            Format::Png
        };
        assert!(verify(&bytes, &small, &options(other)).is_err());
    }
}

#[test]
fn a_gray_band_that_the_picture_does_not_have_is_caught() {
    let good = frame();
    let (pixels, _) = view(&good);
    let mut half = pixels.to_vec();
    half[pixels.len() / 2..].fill(128);
    let half = Picture::still(frame_of(good.width, good.height, 3, half));
    let good = Picture::still(good);
    for format in Format::ALL {
        let bytes = encode(&half, &options(format)).unwrap();
        let error = verify(&bytes, &good, &options(format)).unwrap_err();
        assert!(error.message.contains("differs"), "{error}");
        verify(&bytes, &half, &options(format)).unwrap();
    }
}

#[test]
fn animations_pass_whole_and_fail_cut_short() {
    let frames = [frame(), samples::smooth(150, 131), samples::rgb(150, 131)];
    let picture = Picture {
        frames: frames.to_vec(),
        delays: vec![50, 60, 70],
        ..Picture::still(frame())
    };
    for format in [Format::Png, Format::Webp, Format::Gif] {
        let bytes = encode(&picture, &options(format)).unwrap();
        verify(&bytes, &picture, &options(format)).unwrap();
        assert!(verify(&bytes[..bytes.len() - 900], &picture, &options(format)).is_err());
    }
}

/// Black with a frame of so many white pixels.
fn framed(width: u32, height: u32, border: f32) -> Frame {
    let (right, bottom) = (width as f32 - border, height as f32 - border);
    samples::painted(width, height, |x, y| {
        let inside = (border..right).contains(&x) && (border..bottom).contains(&y);
        [if inside { 0 } else { 255 }; 3]
    })
}

#[test]
fn thin_frames_pass_at_every_size() {
    for format in Format::ALL {
        for (width, height) in (0..64).map(|i| (40 + i % 8, 40 + i / 8)) {
            // AVIF is slow to make and knows no blocks of eight at its edges.
            if format == Format::Avif && width != height {
                continue;
            }
            for border in [1.0, 2.0] {
                let picture = Picture::still(framed(width, height, border));
                let bytes = encode(&picture, &options(format)).unwrap();
                let verdict = verify(&bytes, &picture, &options(format));
                assert_eq!(verdict, Ok(()), "{format:?} {width}x{height} {border}");
            }
        }
    }
}

#[test]
fn small_and_narrow_pictures_pass_in_colour() {
    for format in [Format::Jpeg, Format::Png, Format::Webp, Format::Gif] {
        for (width, height) in (1..18).flat_map(|i| [(i, i), (i, 33), (33, i)]) {
            let red = samples::painted(width, height, |x, y| {
                let edge = x < 1.0 || y < 1.0 || x >= width as f32 - 1.0 || y >= height as f32 - 1.0;
                if edge { [255, 0, 0] } else { [0, 0, 40] }
            });
            let picture = Picture::still(red);
            let bytes = encode(&picture, &options(format)).unwrap();
            let verdict = verify(&bytes, &picture, &options(format));
            assert_eq!(verdict, Ok(()), "{format:?} {width}x{height}");
        }
    }
}

fn changed(frame: &Frame, change: impl Fn([u8; 3]) -> [u8; 3]) -> Frame {
    let pixels = crate::colour::repack::<3, 3>(view(frame).0, change);
    frame_of(frame.width, frame.height, 3, pixels)
}

/// Muted colours, as a photograph has.
fn muted() -> Frame {
    changed(&frame(), |rgb| rgb.map(|part| 90 + part / 4))
}

#[test]
fn colours_exchanged_or_gone_are_caught() {
    let swapped = changed(&frame(), |[r, g, b]| [b, g, r]);
    let gray = |frame: &Frame| crate::colour::to_rgb8(&crate::colour::to_gray8(frame));
    for format in Format::ALL {
        for (wrong, right) in [
            (swapped.clone(), frame()),
            (gray(&frame()), frame()),
            (gray(&muted()), muted()),
            (frame(), gray(&frame())),
        ] {
            let bytes = encode(&Picture::still(wrong), &options(format)).unwrap();
            let error = verify(&bytes, &Picture::still(right), &options(format)).unwrap_err();
            let known = ["other colours", "differs"]
                .iter()
                .any(|word| error.message.contains(word));
            assert!(known, "{format:?}: {error}");
        }
        let picture = Picture::still(muted());
        verify(
            &encode(&picture, &options(format)).unwrap(),
            &picture,
            &options(format),
        )
        .unwrap();
    }
}

#[test]
fn every_quality_and_kind_of_chroma_passes() {
    let planes = [(1, 1), (2, 2), (2, 1), (4, 1)].map(|(x, y)| samples::planes(150, 131, x, y));
    let frames = [frame(), muted(), samples::rgb(150, 131)]
        .into_iter()
        .chain(planes);
    for frame in frames {
        let picture = Picture::still(frame);
        for format in [Format::Jpeg, Format::Webp] {
            for quality in [1, 5, 10, 15, 30, 40, 60, 100] {
                for chroma in [Chroma::Half, Chroma::HalfWide, Chroma::Full] {
                    let options = Encode {
                        quality: Some(quality),
                        chroma: if format == Format::Jpeg {
                            chroma
                        } else {
                            Chroma::Half
                        },
                        ..options(format)
                    };
                    let bytes = encode(&picture, &options).unwrap();
                    let verdict = verify(&bytes, &picture, &options);
                    assert_eq!(verdict, Ok(()), "{options:?}");
                }
            }
        }
    }
}

#[test]
fn planes_with_colours_that_rgb_lacks_pass() {
    let planes = |cb: u8, cr: u8| {
        let planes = Planes {
            y: vec![20; 64 * 64],
            cb: vec![cb; 32 * 32],
            cr: vec![cr; 32 * 32],
            chroma_width: 32,
            chroma_height: 32,
        };
        Picture::still(Frame::new(64, 64, Pixels::Ycc(planes.into())))
    };
    for format in Format::ALL {
        for (cb, cr) in [(250, 250), (5, 250), (250, 5), (5, 5)] {
            let picture = planes(cb, cr);
            let bytes = encode(&picture, &options(format)).unwrap();
            assert_eq!(
                verify(&bytes, &picture, &options(format)),
                Ok(()),
                "{format:?} {cb} {cr}"
            );
        }
    }
}

#[test]
fn a_long_avif_is_held_to_no_limit_for_originals() {
    let picture = Picture::still(samples::painted(16_640, 8, |x, _| [(x / 100.0) as u8; 3]));
    let bytes = encode(&picture, &options(Format::Avif)).unwrap();
    assert_eq!(verify(&bytes, &picture, &options(Format::Avif)), Ok(()));
}

fn moving(frames: Vec<Frame>) -> Picture {
    Picture {
        delays: (0..frames.len() as u32).map(|i| 50 + 10 * i).collect(),
        loops: 2,
        frames,
        ..Picture::still(frame())
    }
}

const MOVING: [Format; 3] = [Format::Png, Format::Webp, Format::Gif];

#[test]
fn a_later_frame_that_is_wrong_is_caught() {
    let good = moving(vec![frame(), muted(), frame(), muted()]);
    for wrong in 1..4 {
        let mut bad = good.clone();
        bad.frames[wrong] = samples::painted(150, 131, |_, _| [128; 3]);
        for format in MOVING {
            let bytes = encode(&bad, &options(format)).unwrap();
            let error = verify(&bytes, &good, &options(format)).unwrap_err();
            assert!(
                error.message.contains(&format!("in frame {}", wrong + 1)),
                "{format:?} {wrong}: {error}"
            );
        }
    }
}

#[test]
fn times_and_repetitions_are_checked() {
    let good = moving(vec![frame(), muted(), frame()]);
    let (mut slow, mut often) = (good.clone(), good.clone());
    slow.delays[1] += 100;
    often.loops = 7;
    for format in MOVING {
        for (wrong, word) in [(&slow, "ms"), (&often, "7 times")] {
            let bytes = encode(wrong, &options(format)).unwrap();
            let error = verify(&bytes, &good, &options(format)).unwrap_err();
            assert!(error.message.contains(word), "{format:?}: {error}");
        }
    }
}

#[test]
fn frames_that_are_alike_may_become_one() {
    for frames in [
        vec![frame(), frame(), muted(), muted(), muted(), frame()],
        vec![frame(); 4],
    ] {
        let picture = moving(frames);
        for format in MOVING {
            for lossless in [false, format == Format::Webp] {
                let options = Encode {
                    lossless,
                    ..options(format)
                };
                let bytes = encode(&picture, &options).unwrap();
                assert_eq!(
                    verify(&bytes, &picture, &options),
                    Ok(()),
                    "{format:?} {lossless}"
                );
            }
        }
    }
}

#[test]
fn odd_times_pass_as_far_as_the_format_holds_them() {
    let picture = Picture {
        delays: vec![0, 5, 17, 70_000],
        loops: 100_000,
        ..moving(vec![frame(), muted(), frame(), muted()])
    };
    for format in MOVING {
        let bytes = encode(&picture, &options(format)).unwrap();
        assert_eq!(verify(&bytes, &picture, &options(format)), Ok(()), "{format:?}");
    }
}
