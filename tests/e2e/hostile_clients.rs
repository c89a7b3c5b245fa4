//! Clients that send without end, too slowly or nothing at all, or that do not read: each costs a bounded
//! amount of memory for a bounded time, and the others are served.

use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::{Raw, Server, Watch, form, pictures};
use image::{DynamicImage, ImageFormat, RgbImage};

const COPY: &str =
    "steps:\n  - { id: photo, uses: decode }\nrenditions:\n  - { name: out.png, format: png }\n";
const FORM: &str = "Transfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary=x\r\n";

/// No pattern, so no format makes it much smaller.
fn noise(width: u32, height: u32) -> DynamicImage {
    let mut state = 1_u64;
    let picture = RgbImage::from_fn(width, height, |_, _| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [r, g, b, ..] = state.to_le_bytes();
        image::Rgb([r, g, b])
    });
    DynamicImage::from(picture)
}

#[test]
fn a_form_that_never_comes_to_its_file_is_not_hoarded() {
    let mut server = Server::of([("copy", COPY)]).start();
    let before = server.memory().mib();
    let filler = vec![b'a'; 1 << 20];
    for (what, beginning) in [
        ("a header without end", "--x\r\nA: "),
        ("no boundary", "a"),
        (
            "a field that is no file",
            "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n",
        ),
    ] {
        let watch = Watch::start(server.pid());
        let mut client = server.connect();
        client.post("copy", FORM);
        client.send_chunk(beginning.as_bytes()).unwrap();
        for _ in 0..150 {
            client
                .send_chunk(&filler)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        client.send(b"0\r\n\r\n").unwrap();
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "bad-request"),
            "{what}"
        );
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("before its file"), "{what}: {detail}");
        let grown = watch.peak().mib().saturating_sub(before);
        assert!(grown < 40, "{what}: grew by {grown} MiB");
    }
    assert!(server.lives());
}

#[test]
fn a_form_counts_against_limit_and_budget_as_it_arrives() {
    let small = format!("input: {{ max_bytes: 1MiB }}\n{COPY}");
    let server = Server::of([("small", small.as_str()), ("copy", COPY)])
        .args(&["--buffers", "4"])
        .start();
    let (content_type, body) = form("file", "a.png", &vec![7; 6 << 20]);
    let headers = format!("Transfer-Encoding: chunked\r\nContent-Type: {content_type}\r\n");
    for (pipeline, status, kind) in [("small", 413, "too-large"), ("copy", 503, "overloaded")] {
        let mut client = server.connect();
        client.post(pipeline, &headers);
        for chunk in body.chunks(100_000) {
            client.send_chunk(chunk).unwrap();
        }
        client.send(b"0\r\n\r\n").unwrap();
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, kind),
            "{pipeline}"
        );
    }
}

#[test]
fn a_sender_of_a_byte_now_and_then_is_given_up_on() {
    let server = Server::of([("copy", COPY)]).args(&["--patience", "1"]).start();
    for headers in [
        "Content-Length: 1000000\r\n".to_owned(),
        format!("{FORM}Expect: nothing\r\n"),
    ] {
        let mut client = server.connect();
        client.post("copy", &headers);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) && client.send_chunk(b"a").is_ok() {
            sleep(Duration::from_millis(200));
        }
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (408, "request-timeout")
        );
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_body_that_is_declared_too_long_is_refused_before_it_comes() {
    let small = COPY.replacen("steps:", "input: { max_bytes: 1kB }\nsteps:", 1);
    let server = Server::of([("small", small)]).start();
    for headers in ["", "Expect: 100-continue\r\n"] {
        let mut client = server.connect();
        client.post("small", &format!("Content-Length: 1000000000\r\n{headers}"));
        let begun = Instant::now();
        let answer = client.answer();
        assert_eq!((answer.status, answer.problem().as_str()), (413, "too-large"));
        assert_eq!(answer.header("connection"), "close");
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_head_that_does_not_end_is_given_up_on() {
    let server = Server::of([("copy", COPY)]).args(&["--patience", "1"]).start();
    let mut client = server.connect();
    client.send(b"GET /healthz HTTP/1.1\r\nHost: te").unwrap();
    let begun = Instant::now();
    drop(client.read(1 << 20));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn an_answer_that_nobody_reads_holds_its_memory_for_a_while_only() {
    let server = Server::of([("copy", COPY)])
        .args(&["--patience", "4", "--buffers", "24"])
        .start();
    let picture = pictures::encode(&noise(2000, 2400), ImageFormat::Bmp);
    assert!((14_000_000..15_000_000).contains(&picture.len()));
    let mut client = server.connect();
    client.post("copy", &format!("Content-Length: {}\r\n", picture.len()));
    client.send(&picture).unwrap();
    assert!(client.read(100).starts_with(b"HTTP/1.1 200"));
    // Its original has gone; its answer is held, and there is no room for a second one.
    assert_eq!(server.process("copy", &picture).outcome(), "overloaded");
    sleep(Duration::from_secs(6));
    drop(server.process("copy", &picture).ok());
    let rest = client.read(usize::MAX);
    assert!(
        rest.len() < 14_000_000,
        "the server sent on: {} bytes",
        rest.len()
    );
}

#[test]
fn connections_are_counted_and_idle_ones_make_way() {
    let server = Server::of([("copy", COPY)])
        .args(&["--patience", "2", "--connections", "4"])
        .start();
    let before = sockets(server.pid());
    let crowd: Vec<Raw> = (0..30).map(|_| server.connect()).collect();
    sleep(Duration::from_millis(500));
    let open = sockets(server.pid());
    assert!(open <= before + 4, "{before} sockets became {open}");
    drop(crowd);
    // A crowd that stays is sent away, a few at a time; who asks for something gets it.
    let _crowd: Vec<Raw> = (0..8).map(|_| server.connect()).collect();
    let photo = pictures::small(ImageFormat::Png, 20, 20);
    let mut client = server.connect();
    client.post("copy", &format!("Content-Length: {}\r\n", photo.len()));
    client.send(&photo).unwrap();
    drop(client.answer().ok());
}

fn sockets(pid: u32) -> usize {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    targets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}
