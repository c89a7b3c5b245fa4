//! What goes in and what comes out: formats by content, orientation, alpha, animation.

use e2e::{Server, pictures};
use image::{AnimationDecoder, ImageFormat, Rgba, RgbaImage};

fn converts_to(format: &str) -> String {
    format!("steps:\n  - {{ id: photo, uses: decode }}\nrenditions:\n  - {{ name: out, format: {format} }}\n")
}

#[test]
fn every_input_format_gives_its_picture() {
    let server = Server::of([("png", converts_to("png"))]).start();
    for format in pictures::FORMATS {
        let file = pictures::small(format, 64, 48);
        let answer = server.process("png", &file).ok();
        assert_eq!(answer.header("content-type"), "image/png");
        // JPEG decoders may round differently; the others have no choice.
        let most = if format == ImageFormat::Jpeg { 1.5 } else { 0.0 };
        let difference = pictures::difference(&answer.picture(), &pictures::read(&file));
        assert!(difference <= most, "{format:?}: {difference}");
    }
}

#[test]
fn cmyk_becomes_the_same_colours() {
    let server = Server::of([("png", converts_to("png"))]).start();
    let cmyk = server
        .process("png", &pictures::photo("chelsea-cmyk.jpg"))
        .ok()
        .picture();
    let rgb = pictures::read(&pictures::photo("chelsea.jpg"));
    let small = image::imageops::resize(&rgb, 225, 150, image::imageops::FilterType::Lanczos3);
    let difference = pictures::difference(&cmyk, &small);
    assert!(difference < 6.0, "{difference}");
}

#[test]
fn every_output_format_holds_the_picture() {
    let formats = ["jpeg", "png", "webp", "avif", "gif"];
    let server = Server::of(formats.map(|format| (format, converts_to(format)))).start();
    let photo = pictures::small(ImageFormat::Png, 96, 64);
    let source = pictures::read(&photo);
    for format in formats {
        let answer = server.process(format, &photo).ok();
        assert_eq!(answer.header("content-type"), format!("image/{format}"));
        if format == "avif" {
            assert_eq!(&answer.body[4..12], b"ftypavif");
            continue;
        }
        let difference = pictures::difference(&answer.picture(), &source);
        let most = if format == "png" { 0.0 } else { 8.0 };
        assert!(difference <= most, "{format}: {difference}");
    }
}

#[test]
fn all_eight_orientations_are_applied_and_the_tag_is_gone() {
    let server = Server::of([("png", converts_to("png")), ("jpeg", converts_to("jpeg"))]).start();
    let upright = pictures::small(ImageFormat::Jpeg, 64, 48);
    let picture = server.process("png", &upright).ok().picture();
    for orientation in 1..=8 {
        let file = pictures::with_orientation(&upright, orientation);
        let turned = server.process("png", &file).ok().picture();
        let expected = pictures::oriented(&picture, orientation);
        let difference = pictures::difference(&turned, &expected);
        assert!(difference < 0.5, "orientation {orientation}: {difference}");
        let jpeg = server.process("jpeg", &file).ok();
        assert_eq!(
            jpeg.picture().dimensions(),
            expected.dimensions(),
            "orientation {orientation}"
        );
        assert!(
            !jpeg.body.windows(6).any(|w| w == b"Exif\0\0"),
            "metadata was not removed"
        );
    }
}

#[test]
fn alpha_is_kept_where_it_can_be() {
    let server = Server::of(["png", "webp", "jpeg"].map(|format| (format, converts_to(format)))).start();
    let half = RgbaImage::from_fn(32, 32, |x, _| {
        if x < 16 {
            Rgba([200, 10, 10, 255])
        } else {
            Rgba([0, 0, 0, 0])
        }
    });
    let file = pictures::encode(&half.clone().into(), ImageFormat::Png);
    assert_eq!(server.process("png", &file).ok().picture(), half);
    let webp = server.process("webp", &file).ok().picture();
    assert_eq!((webp.get_pixel(2, 2).0[3], webp.get_pixel(30, 2).0[3]), (255, 0));
    let jpeg = server.process("jpeg", &file).ok().picture();
    assert!(
        jpeg.get_pixel(30, 2).0.iter().all(|&c| c > 247),
        "white shows through: {:?}",
        jpeg.get_pixel(30, 2)
    );
}

#[test]
fn animations_stay_animations() {
    let first = converts_to("gif").replace("uses: decode", "uses: decode, with: { frames: first }");
    let server = Server::of([
        ("gif", converts_to("gif")),
        ("webp", converts_to("webp")),
        ("first", first),
    ])
    .start();
    let original = pictures::photo("chelsea-pan.gif");
    let frames = |body: &[u8]| {
        let decoder = image::codecs::gif::GifDecoder::new(std::io::Cursor::new(body)).unwrap();
        decoder.into_frames().collect_frames().unwrap()
    };
    let (before, after) = (
        frames(&original),
        frames(&server.process("gif", &original).ok().body),
    );
    assert_eq!(after.len(), 6);
    for (a, b) in before.iter().zip(&after) {
        assert_eq!(a.delay(), b.delay());
        assert!(pictures::difference(a.buffer(), b.buffer()) < 6.0);
    }
    let webp = server.process("webp", &original).ok().body;
    assert_eq!(webp.windows(4).filter(|w| w == b"ANMF").count(), 6);
    assert_eq!(frames(&server.process("first", &original).ok().body).len(), 1);
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let server = Server::of(["jpeg", "webp", "avif"].map(|format| (format, converts_to(format)))).start();
    let photo = pictures::small(ImageFormat::Png, 80, 60);
    for format in ["jpeg", "webp", "avif"] {
        let (a, b) = (
            server.process(format, &photo).ok(),
            server.process(format, &photo).ok(),
        );
        assert_eq!(
            (a.header("etag"), &a.body),
            (b.header("etag"), &b.body),
            "{format}"
        );
    }
}
