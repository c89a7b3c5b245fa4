//! Resized pixels held against a plain resampler in f64, and planes against their RGB.

use std::f64::consts::PI;

use workflow::op::{Colour, Focus};

use super::*;
use crate::ops::{samples, view};

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    if x.abs() < 3.0 {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

/// Lanczos along one axis of a picture given by rows, as its definition says.
fn reference_rows(rows: &[Vec<f64>], channels: usize, (start, length): (f64, f64), to: u32) -> Vec<Vec<f64>> {
    let scale = length / f64::from(to);
    let wide = scale.max(1.0);
    let pixel = |row: &[f64], at: u32, channel: usize| {
        let centre = start + (f64::from(at) + 0.5) * scale;
        let (mut sum, mut weights) = (0.0, 0.0);
        for x in 0..row.len() / channels {
            let weight = lanczos((x as f64 + 0.5 - centre) / wide);
            sum += row[x * channels + channel] * weight;
            weights += weight;
        }
        sum / weights
    };
    let row = |row: &Vec<f64>| {
        (0..to)
            .flat_map(|at| (0..channels).map(move |c| (at, c)))
            .map(|(at, c)| pixel(row, at, c))
            .collect()
    };
    rows.iter().map(row).collect()
}

fn transposed(rows: &[Vec<f64>], channels: usize) -> Vec<Vec<f64>> {
    let column = |x: usize| {
        rows.iter()
            .flat_map(|row| &row[x * channels..(x + 1) * channels])
            .copied()
            .collect()
    };
    (0..rows[0].len() / channels).map(column).collect()
}

fn reference(frame: &Frame, region: Region, size: (u32, u32)) -> Frame {
    let (bytes, channels) = view(frame);
    let rows: Vec<Vec<f64>> = bytes
        .chunks_exact(frame.width as usize * channels)
        .map(|row| row.iter().map(|&v| f64::from(v)).collect())
        .collect();
    let across = reference_rows(&rows, channels, (region.0, region.2), size.0);
    let down = reference_rows(
        &transposed(&across, channels),
        channels,
        (region.1, region.3),
        size.1,
    );
    let bytes = transposed(&down, channels).concat();
    let bytes: Vec<u8> = bytes.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
    raster::frame_of(size.0, size.1, channels, bytes)
}

#[test]
fn downscales_are_those_of_a_plain_resampler() {
    for frame in [samples::smooth(120, 90), samples::rgb(120, 90)] {
        for (region, size) in [
            ((0.0, 0.0, 120.0, 90.0), (50, 37)),
            ((0.0, 0.0, 119.5, 89.25), (40, 31)),
            ((10.3, 7.7, 60.0, 70.0), (30, 35)),
            ((0.0, 0.0, 120.0, 90.0), (150, 100)),
        ] {
            let ours = resample(&frame, region, size, Filter::Lanczos3).unwrap();
            let got = samples::psnr(&ours, &reference(&frame, region, size));
            // Between its two passes the fast one rounds to 8 bits.
            assert!(got > 42.0, "{region:?} -> {size:?}: {got:.1} dB");
        }
    }
}

#[test]
fn planes_are_resized_as_their_rgb_is() {
    for (ratio_x, ratio_y) in [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1)] {
        let frame = samples::planes(241, 179, ratio_x, ratio_y);
        for size in [(80, 60), (81, 59), (120, 91)] {
            for region in [
                (0.0, 0.0, 241.0, 179.0),
                (0.0, 0.0, 240.5, 178.25),
                (31.0, 20.0, 120.0, 90.0),
            ] {
                let planes = resample(&frame, region, size, Filter::Lanczos3).unwrap();
                let Pixels::Ycc(result) = &planes.pixels else {
                    panic!("planes")
                };
                assert_eq!(result.chroma_width, size.0.div_ceil(ratio_x));
                let rgb = resample(&colour::to_rgb8(&frame), region, size, Filter::Lanczos3).unwrap();
                // A quarter of the chroma is little, and its loss is not ours.
                let floor = if ratio_x == 4 { 30.0 } else { 38.0 };
                let got = samples::psnr(&colour::to_rgb8(&planes), &rgb);
                assert!(
                    got > floor,
                    "{ratio_x}x{ratio_y} {region:?} -> {size:?}: {got:.1} dB"
                );
            }
        }
    }
}

/// A ramp tells a shift of chroma at once: its shades are linear in the place.
#[test]
fn chroma_stays_where_it_was() {
    let ramp = |w: u32, h: u32, step: f64| -> Vec<u8> {
        (0..w * h)
            .map(|i| ((f64::from(i % w) + 0.5) * step).round() as u8)
            .collect()
    };
    let planes = crate::frame::Planes {
        y: ramp(200, 20, 1.25),
        cb: ramp(100, 10, 2.5),
        cr: ramp(100, 10, 2.5),
        chroma_width: 100,
        chroma_height: 10,
    };
    let frame = Frame::new(200, 20, Pixels::Ycc(std::sync::Arc::new(planes)));
    for width in [67, 68, 33] {
        let Pixels::Ycc(p) = resize_frame(&frame, width, 10, Filter::Bilinear).unwrap().pixels else {
            panic!("planes")
        };
        for x in 4..p.chroma_width as usize - 4 {
            let middle = u32::midpoint(p.y[2 * x].into(), p.y[2 * x + 1].into());
            assert!(
                middle.abs_diff(p.cb[x].into()) <= 1,
                "{width}: {middle} {}",
                p.cb[x]
            );
        }
    }
}

/// The last chroma sample of an odd width stands for one pixel of the picture, not for what lies past it.
#[test]
fn a_coloured_edge_keeps_its_colour_at_odd_sizes() {
    let rgb = |wide: u32| {
        let row = (0..wide).flat_map(|x| {
            if x + 4 >= wide {
                [20, 40, 250]
            } else {
                [120, 120, 120]
            }
        });
        raster::frame_of(wide, 64, 3, row.collect::<Vec<u8>>().repeat(64))
    };
    let frame = rgb(802);
    let planes = samples::as_planes(&frame, 2, 2);
    for width in [81, 201, 1] {
        let resized = |frame: &Frame| resize_frame(frame, width, 1, Filter::Bilinear).unwrap();
        let last = |frame: &Frame| *view(&colour::to_rgb8(frame)).0.last().unwrap();
        let got = last(&resized(&planes));
        // Between what subsampling after the resize would leave of the colour, and all of it.
        let (least, most) = (
            last(&samples::as_planes(&resized(&frame), 2, 2)),
            last(&resized(&frame)),
        );
        assert!(
            (least - 6..=most + 6).contains(&got),
            "{width}: {got} {least} {most}"
        );
    }
}

#[test]
fn transparent_pixels_leave_no_fringe() {
    let row: Vec<u8> = (0..64)
        .flat_map(|x| {
            if x < 30 {
                [220, 30, 30, 255]
            } else {
                [0, 255, 0, 0]
            }
        })
        .collect();
    let frame = raster::frame_of(64, 64, 4, row.repeat(64));
    for frame in [frame.clone(), colour::to_rgba16(&frame)] {
        let small = colour::to_rgba8(&resize_frame(&frame, 21, 21, Filter::Lanczos3).unwrap());
        for p in view(&small).0.as_chunks::<4>().0.iter().filter(|p| p[3] > 16) {
            // Red may overshoot by a little, as Lanczos does; green would come from what nobody sees.
            assert!(p[0].abs_diff(220) <= 12 && p[1].abs_diff(30) <= 3, "{p:?}");
        }
    }
}

#[test]
fn every_layout_stays_what_it_is() {
    let rgb = samples::smooth(40, 30);
    for frame in [
        colour::to_gray8(&rgb),
        rgb.clone(),
        colour::to_rgba8(&rgb),
        colour::to_rgba16(&rgb),
    ] {
        let small = resize_frame(&frame, 20, 15, Filter::Lanczos3).unwrap();
        assert_eq!(small.bytes() * 4, frame.bytes());
        assert_eq!((small.width, small.height, small.extent), (20, 15, None));
        let mut fractional = frame.clone();
        fractional.extent = Some((39.5, 30.0));
        assert_eq!(
            resize_frame(&fractional, 40, 30, Filter::Nearest).unwrap().width,
            40
        );
    }
    assert!(resize_frame(&rgb, 0, 5, Filter::Lanczos3).is_err());
}

#[test]
fn the_step_obeys_fit_and_position() {
    let left_red = samples::painted(120, 40, |x, _| if x < 60.0 { [250, 0, 0] } else { [0, 0, 250] });
    let run = |op: Resize| {
        super::apply(&op, &Picture::still(left_red.clone()))
            .unwrap()
            .frames
            .remove(0)
    };
    let square = Resize {
        width: Some(20),
        height: Some(20),
        fit: Fit::Cover,
        ..Resize::default()
    };
    let at = |x| {
        run(Resize {
            position: Position::Focus(Focus { x, y: 0.5 }),
            ..square.clone()
        })
    };
    assert!(
        view(&at(0.1))
            .0
            .as_chunks::<3>()
            .0
            .iter()
            .all(|p| p[0] > 240 && p[2] < 10)
    );
    assert!(
        view(&at(0.9))
            .0
            .as_chunks::<3>()
            .0
            .iter()
            .all(|p| p[2] > 240 && p[0] < 10)
    );
    for anchor in [Anchor::Attention, Anchor::Entropy] {
        let frame = run(Resize {
            position: Position::Anchor(anchor),
            ..square.clone()
        });
        assert_eq!((frame.width, frame.height), (20, 20));
    }
    let contain = run(Resize {
        fit: Fit::Contain,
        background: Colour::WHITE,
        ..square.clone()
    });
    assert_eq!((contain.width, contain.height), (20, 20));
    assert_eq!(view(&contain).0[..3], [255; 3]);
    assert!(matches!(
        run(Resize {
            fit: Fit::Contain,
            ..square
        })
        .pixels,
        Pixels::Rgba8(_)
    ));
}
