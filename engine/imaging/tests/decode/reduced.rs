//! JPEGs large enough for the decoder of reduced scales: they come out as libjpeg-turbo, which decodes where
//! damage is put up with, has them.

use imaging::{Consumer, DecodeRequest, Decoded, Frame, Picture, Pixels, decode, encode};
use workflow::failure::{Failure, FailureKind};
use workflow::limits::InputLimits;
use workflow::op::{Decode, OnCorrupt, Resize};
use workflow::rendition::{Encode, Format};

fn at_scale(bytes: &[u8], denominator: u32, planes: bool, on_corrupt: OnCorrupt) -> Result<Decoded, Failure> {
    let resize = Resize {
        width: Some(SIZE.0 / denominator),
        ..Resize::default()
    };
    let params = Decode {
        on_corrupt,
        ..Decode::default()
    };
    decode(
        bytes,
        &DecodeRequest {
            params: &params,
            limits: &InputLimits::default(),
            consumers: &[Consumer::Resize(&resize)],
            planes,
        },
    )
}

const SIZE: (u32, u32) = (333, 250);

fn noisy(channels: usize) -> Vec<u8> {
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let count = (SIZE.0 * SIZE.1) as usize * channels;
    let pixels = (0..count).map(|_| noise()).collect::<Vec<_>>().into();
    let pixels = if channels == 1 {
        Pixels::Gray8(pixels)
    } else {
        Pixels::Rgb8(pixels)
    };
    let picture = Picture::still(Frame::new(SIZE.0, SIZE.1, pixels));
    encode(&picture, &Encode::new(Format::Jpeg)).expect("noise can be encoded")
}

fn bytes_of(frame: &Frame) -> Vec<Vec<u8>> {
    match &frame.pixels {
        Pixels::Ycc(p) => vec![p.y.clone(), p.cb.clone(), p.cr.clone()],
        Pixels::Gray8(b) | Pixels::Rgb8(b) => vec![b.to_vec()],
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_decoders_give_the_same() {
    for channels in [1, 3] {
        let bytes = noisy(channels);
        assert!(bytes.len() > 1 << 14);
        for denominator in [2, 4, 8] {
            for planes in [false, true] {
                let both = [OnCorrupt::Reject, OnCorrupt::Salvage].map(|on_corrupt| {
                    let decoded = at_scale(&bytes, denominator, planes, on_corrupt).unwrap();
                    assert_eq!(decoded.scale, (1, denominator as u8));
                    let frame = decoded.picture.first();
                    (bytes_of(frame), frame.width, frame.height, frame.extent.is_some())
                });
                assert!(
                    both[0] == both[1],
                    "{channels} channels at 1/{denominator}, planes {planes}"
                );
            }
        }
    }
}

#[test]
fn damage_is_still_told_by_the_library() {
    let bytes = noisy(3);
    for denominator in [2, 4, 8] {
        for planes in [false, true] {
            let cut = &bytes[..bytes.len() / 2];
            let failure = at_scale(cut, denominator, planes, OnCorrupt::Reject).unwrap_err();
            assert_eq!(failure.kind, FailureKind::BadInput);
            assert!(failure.to_string().contains("Premature end"), "{failure}");
        }
    }
}
