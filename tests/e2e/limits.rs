//! Headers that lie and files that blow up: judged by the header, in little time and little memory.

use std::time::{Duration, Instant};

use e2e::{Server, Watch, damage, pictures};
use image::ImageFormat;

const GREEDY: &str = "input: { max_pixels: 80MP }
steps:
  - { id: photo, uses: decode }
renditions:
  - { name: out.png, format: png }
";
const PIPELINE: &str = "steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 64, height: 64 } }
renditions:
  - { name: out.png, format: png }
";

#[test]
fn a_lying_header_costs_next_to_nothing() {
    let mut server = Server::of([("small", PIPELINE)]).start();
    drop(server.process("small", &pictures::photo("chelsea.jpg")).ok());
    let before = server.memory().mib();
    let small = |format| pictures::small(format, 32, 32);
    let lies = [
        ("png", damage::png_header_lie(30_000, 30_000)),
        ("png side", damage::png_header_lie(90_000_000, 1)),
        ("png overflow", damage::png_header_lie(0x7fff_ffff, 0x7fff_ffff)),
        (
            "jpeg",
            damage::jpeg_header_lie(&small(ImageFormat::Jpeg), 65_500, 65_500),
        ),
        (
            "gif",
            damage::gif_header_lie(&small(ImageFormat::Gif), 65_535, 65_535),
        ),
        (
            "bmp",
            damage::bmp_header_lie(&small(ImageFormat::Bmp), 60_000, 60_000),
        ),
        (
            "qoi",
            damage::qoi_header_lie(&small(ImageFormat::Qoi), 200_000, 200_000),
        ),
    ];
    let watch = Watch::start(server.pid());
    for (name, lie) in lies {
        let begun = Instant::now();
        let answer = server.process("small", &lie);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (422, "too-large"),
            "{name}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{name}: {:?}",
            begun.elapsed()
        );
    }
    let grown = watch.peak().mib().saturating_sub(before);
    assert!(grown < 64, "grew by {grown} MiB");
    assert!(server.lives());
}

#[test]
fn a_header_within_the_limits_that_lies_is_bad_input() {
    let server = Server::of([("small", PIPELINE)]).start();
    for (name, lie) in [
        ("png", damage::png_header_lie(4000, 4000)),
        (
            "jpeg",
            damage::jpeg_header_lie(&pictures::small(ImageFormat::Jpeg, 32, 32), 4000, 4000),
        ),
        (
            "bmp",
            damage::bmp_header_lie(&pictures::small(ImageFormat::Bmp, 32, 32), 4000, 4000),
        ),
        (
            "qoi",
            damage::qoi_header_lie(&pictures::small(ImageFormat::Qoi, 32, 32), 4000, 4000),
        ),
    ] {
        let answer = server.process("small", &lie);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (422, "bad-input"),
            "{name}"
        );
    }
}

#[test]
fn a_decompression_bomb_stays_within_memory() {
    let mut server = Server::of([("small", PIPELINE)]).start();
    // 81 MP, within the default limit, in less than half a megabyte.
    let bomb = damage::png_bomb(9000, 9000);
    assert!(bomb.len() < 500_000, "{}", bomb.len());
    let watch = Watch::start(server.pid());
    let begun = Instant::now();
    let answer = server.process("small", &bomb);
    assert_eq!(answer.ok().picture().dimensions(), (64, 64));
    let (took, peak) = (begun.elapsed(), watch.peak().mib());
    println!("81 MP of nothing: {took:?}, {peak} MiB");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(peak < 1500, "{peak} MiB");
    let larger = server.process("small", &damage::png_bomb(11_000, 10_000));
    assert_eq!((larger.status, larger.problem().as_str()), (422, "too-large"));
    assert!(server.lives());
}

#[test]
fn a_pipeline_sets_its_own_limits() {
    let with = |input: &str| format!("input: {{ {input} }}\n{PIPELINE}");
    let server = Server::of([
        ("bytes", with("max_bytes: 10kB")),
        ("pixels", with("max_pixels: 0.01MP")),
        ("types", with("types: [png]")),
    ])
    .start();
    let photo = pictures::photo("chelsea.jpg");
    let ends = |pipeline: &str| {
        let answer = server.process(pipeline, &photo);
        (answer.status, answer.problem())
    };
    assert_eq!(ends("bytes"), (413, "too-large".to_owned()));
    assert_eq!(ends("pixels"), (422, "too-large".to_owned()));
    assert_eq!(ends("types"), (415, "unsupported".to_owned()));
    // The limits refuse what is too much, and nothing else.
    let small = pictures::small(ImageFormat::Png, 40, 40);
    for pipeline in ["bytes", "pixels", "types"] {
        drop(server.process(pipeline, &small).ok());
    }
}

#[test]
fn too_many_frames_are_refused() {
    let frames = (0..300_u32).map(|n| {
        let picture = image::RgbaImage::from_pixel(8, 8, image::Rgba([n as u8, 40, 90, 255]));
        image::Frame::new(picture)
    });
    let mut gif = Vec::new();
    image::codecs::gif::GifEncoder::new(&mut gif)
        .encode_frames(frames)
        .unwrap();
    let server = Server::of([("small", PIPELINE)]).start();
    let answer = server.process("small", &gif);
    assert_eq!((answer.status, answer.problem().as_str()), (422, "too-large"));
}

#[test]
fn a_server_has_ceilings_for_what_pipelines_may_ask() {
    let server = Server::of([("greedy", GREEDY), ("small", PIPELINE)])
        .args(&["--max-pixels", "2kP", "--max-bytes", "1MB"])
        .start();
    let log = server.log();
    let said = "`input.max_pixels` asks for 80MP; this server allows at most 2kP (`--max-pixels`)";
    assert!(log.contains(said), "{log}");
    let (tiny, larger) = (
        pictures::small(ImageFormat::Png, 32, 32),
        pictures::small(ImageFormat::Png, 64, 64),
    );
    drop(server.process("small", &tiny).ok());
    assert_eq!(server.process("small", &larger).problem(), "too-large");
    assert_eq!(server.process("small", &vec![0; 1_000_001]).status, 413);
    assert_eq!(server.process("greedy", &tiny).status, 404, "it was left out");
}
