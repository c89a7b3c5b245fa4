//! The HTTP API: shapes of answers, headers, and errors as problem details.

use e2e::{Answer, Server, fixture_plugins, form, form_of, pictures};
use image::ImageFormat;

#[test]
fn one_rendition_comes_as_its_bytes() {
    let server = Server::examples().start();
    let photo = pictures::photo("rocket.jpg");
    let answer = server.process("thumb", &photo).ok();
    assert_eq!(answer.header("content-type"), "image/jpeg");
    assert_eq!(answer.picture().dimensions(), (400, 267));
    let timing = answer.header("server-timing");
    for entry in ["photo;dur=", "small;dur=", "total;dur="] {
        assert!(timing.contains(entry), "{timing}");
    }
    let etag = answer.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 20, "{etag}");
    // There is no 304 to a POST (RFC 9110, 13.1.2); the same work has the same tag.
    let again = server
        .process_with("thumb", &[("if-none-match", &etag)], &photo)
        .ok();
    assert_eq!((again.header("etag"), &again.body), (etag.as_str(), &answer.body));
    let other = server.process("thumb", &pictures::photo("coffee.jpg")).ok();
    assert_ne!(other.header("etag"), etag);
}

#[test]
fn browsers_take_each_answer_for_what_it_is() {
    let server = Server::examples().start();
    let photo = pictures::photo("chelsea.jpg");
    let answers = [
        server.process("thumb", &photo).ok(),
        server.process("web-set", &photo).ok(),
        server.process("thumb", b"no image"),
        server.process("nothing", &photo),
        server.get("/nowhere"),
        server.get("/healthz").ok(),
        server.get("/docs").ok(),
        server.get("/openapi.json").ok(),
    ];
    for answer in &answers {
        let sniffing = answer.header("x-content-type-options");
        assert_eq!(sniffing, "nosniff", "{} {:?}", answer.status, answer.headers);
    }
    assert!(
        answers[0].header("content-security-policy").contains("sandbox"),
        "what a plugin made must not run here"
    );
}

#[test]
fn a_step_that_was_skipped_is_told() {
    let steps = |mode: &str| {
        format!(
            "steps:
  - {{ id: photo, uses: decode }}
  - {{ id: guest, uses: misbehave@^1, with: {{ mode: {mode} }}, on_failure: skip }}
  - {{ id: other, uses: misbehave@^1, with: {{ mode: trap }}, on_failure: {{ fallback: photo }} }}
renditions:
  - {{ name: out.png, format: png }}
"
        )
    };
    let server = Server::of([("trap", steps("trap")), ("ok", steps("ok"))])
        .plugins(fixture_plugins())
        .start();
    let photo = pictures::small(ImageFormat::Png, 20, 20);
    for shape in ["image/png", "multipart/mixed", "application/json"] {
        let ask = |pipeline| server.process_with(pipeline, &[("accept", shape)], &photo).ok();
        assert_eq!(ask("trap").header("stopbath-skipped"), "guest", "{shape}");
        assert_eq!(ask("ok").header("stopbath-skipped"), "", "{shape}");
    }
}

#[test]
fn a_form_may_have_more_around_a_file_of_the_largest_size() {
    let photo = pictures::small(ImageFormat::Png, 100, 80);
    let pipeline = |limit: usize| {
        format!(
            "input: {{ max_bytes: {limit} }}\nsteps:\n  - {{ id: photo, uses: decode }}\n\
             renditions:\n  - {{ name: out.png, format: png }}\n"
        )
    };
    let server = Server::of([
        ("fits", pipeline(photo.len())),
        ("less", pipeline(photo.len() - 1)),
    ])
    .start();
    let (content_type, body) = form("file", "a.png", &photo);
    let send = |pipeline| server.process_with(pipeline, &[("content-type", &content_type)], &body);
    drop(send("fits").ok());
    assert_eq!(
        (send("less").status, send("less").problem().as_str()),
        (413, "too-large")
    );
    drop(server.process("fits", &photo).ok());
    // Types are compared without regard to case.
    let shouted = content_type.replacen("multipart/form-data", "Multipart/Form-Data", 1);
    drop(
        server
            .process_with("fits", &[("content-type", &shouted)], &body)
            .ok(),
    );
}

#[test]
fn a_form_is_as_good_as_a_raw_body() {
    let server = Server::examples().start();
    let photo = pictures::photo("coffee.jpg");
    let raw = server.process("thumb", &photo).ok();
    for field in ["file", "image"] {
        // The name and type that a client claims mean nothing; content does.
        let (content_type, body) = form(field, "wrong.png", &photo);
        let answer = server
            .process_with("thumb", &[("content-type", &content_type)], &body)
            .ok();
        assert_eq!(answer.body, raw.body, "{field}");
    }
}

#[test]
fn a_form_with_two_images_is_not_half_done() {
    let server = Server::examples().start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let (content_type, body) = form_of("file", [("a.png", &photo[..]), ("b.png", &photo[..])]);
    for target in ["thumb", "thumb?wait=30s"] {
        let refused = server.process_with(target, &[("content-type", &content_type)], &body);
        assert_eq!((refused.status, refused.problem().as_str()), (400, "bad-request"));
        assert!(refused.json()["detail"].as_str().unwrap().contains("several"));
    }
}

#[test]
fn several_renditions_come_in_the_shape_asked_for() {
    let server = Server::examples().start();
    let photo = pictures::photo("coffee.jpg");
    let names = [
        "1600.webp",
        "1600.jpg",
        "800.webp",
        "800.jpg",
        "400.webp",
        "400.jpg",
        "result.json",
    ];

    let multipart = server.process("web-set", &photo).ok().parts();
    assert_eq!(
        multipart.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        names
    );
    assert_eq!(multipart[5].media_type, "image/jpeg");

    let zip = server
        .process_with("web-set", &[("accept", "application/zip")], &photo)
        .ok()
        .zip();
    assert_eq!(
        zip.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        names
    );

    let facts = server
        .process_with("web-set", &[("accept", "application/json")], &photo)
        .ok()
        .json();
    for ((part, (_, zipped)), facts) in multipart
        .iter()
        .zip(&zip)
        .zip(facts["renditions"].as_array().unwrap())
    {
        let single = server
            .process(&format!("web-set?rendition={}", part.name), &photo)
            .ok();
        assert!(
            single.body == part.body && part.body == *zipped,
            "{} differs between shapes",
            part.name
        );
        assert_eq!(
            single.header("etag"),
            format!("\"{}\"", facts["key"].as_str().unwrap())
        );
    }
}

#[test]
fn what_is_installed_can_be_listed() {
    let server = Server::examples().start();
    let pipelines = server.get("/v1/pipelines").ok().json();
    let names: Vec<&str> = pipelines
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    for name in ["product-photos", "thumb", "web-set", "analyze"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let thumb = server.get("/v1/pipelines/thumb").ok().json();
    assert!(thumb["source"].as_str().unwrap().contains("pipeline: thumb"));
    assert!(thumb["plan"].is_object());
    let plugins = server.get("/v1/plugins").ok().json();
    assert_eq!(plugins["rejected"].as_array().unwrap().len(), 0, "{plugins}");
    let watermark = plugins["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "watermark")
        .unwrap();
    assert_eq!(watermark["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn it_says_how_it_is_and_what_it_can() {
    let server = Server::examples().start();
    drop(server.get("/healthz").ok());
    let ready = server.get("/readyz").ok().json();
    assert_eq!(ready["ready"], true, "{ready}");
    assert!(ready["checks"].as_array().unwrap().len() > 8, "{ready}");
    for check in ready["checks"].as_array().unwrap() {
        assert!(
            check["result"] == "ok" || (check["result"] == "not-tried" && check["problem"].is_string()),
            "{check}"
        );
    }
    let api = server.get("/openapi.json").ok().json();
    let process = &api["paths"]["/v1/pipelines/{name}/process"]["post"];
    for status in [
        "400", "404", "406", "408", "413", "415", "422", "500", "503", "504",
    ] {
        assert!(process["responses"][status].is_object(), "{status}: {process}");
    }
    assert!(process["responses"]["304"].is_null());
    let content = &process["requestBody"]["content"];
    assert!(
        content["application/octet-stream"].is_object() && content["multipart/form-data"].is_object(),
        "{content}"
    );
    for path in ["/v1/pipelines/{name}/process", "/v1/plugins", "/readyz"] {
        assert!(api["paths"][path].is_object(), "{path}");
    }
    assert!(
        server
            .get("/docs")
            .ok()
            .header("content-type")
            .starts_with("text/html")
    );
    assert!(server.get("/v1/schema/pipeline.json").ok().json()["properties"].is_object());
}

#[test]
fn mistakes_are_answered_with_problems() {
    let server = Server::examples().start();
    let photo = pictures::photo("chelsea.jpg");
    let answers = [
        (
            "no such pipeline",
            server.process("nothing", &photo),
            404,
            "not-found",
        ),
        (
            "no such rendition",
            server.process("thumb?rendition=big.jpg", &photo),
            404,
            "not-found",
        ),
        ("no such route", server.get("/v2"), 404, "not-found"),
        (
            "wrong method",
            server.get("/v1/pipelines/thumb/process"),
            405,
            "method-not-allowed",
        ),
        ("no body", server.process("thumb", b""), 400, "bad-request"),
        (
            "not an image",
            server.process("thumb", b"hello, world, how are you"),
            415,
            "unsupported",
        ),
        (
            "not a type it takes",
            server.process("vector", &photo),
            415,
            "unsupported",
        ),
        (
            "half an image",
            server.process("thumb", &photo[..photo.len() / 2]),
            422,
            "bad-input",
        ),
        (
            "no type it gives",
            server.process_with("thumb", &[("accept", "text/html")], &photo),
            406,
            "not-acceptable",
        ),
        (
            "half a form",
            server.process_with(
                "thumb",
                &[("content-type", "multipart/form-data; boundary=x")],
                b"--x\r\nfoo",
            ),
            400,
            "bad-request",
        ),
    ];
    expect(&server, answers);
    let detail = server.process("nothing", &photo).json()["detail"].to_string();
    assert!(
        detail.contains("product-photos"),
        "what there is should be named: {detail}"
    );
}

#[test]
fn mistakes_are_not_repeated_at_any_length() {
    let server = Server::examples().start();
    let (photo, long) = (pictures::photo("chelsea.jpg"), "x".repeat(3_000));
    for answer in [
        server.process(&long, &photo),
        server.process(&format!("thumb?rendition={long}"), &photo),
        server.process(&format!("thumb?{long}=1"), &photo),
        server.get(&format!("/{long}")),
        server.get(&format!("/v1/jobs/{long}")),
        server.get(&format!("/problems/{long}")),
    ] {
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains("xxx…") && detail.len() < 700, "{detail}");
    }
}

fn expect<const N: usize>(server: &Server, answers: [(&str, Answer, u16, &str); N]) {
    for (what, answer, status, kind) in answers {
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, kind),
            "{what}"
        );
        let explained = server.get(&format!("/problems/{kind}")).ok();
        assert!(explained.body.starts_with(kind.as_bytes()), "{what}");
    }
}

#[test]
fn mistakes_are_answered_even_when_the_body_is_large() {
    let server = Server::examples().start();
    // More than sockets hold: a server that does not read it off resets the connection.
    let large = vec![7; 20 << 20];
    let post = |path| server.post(path, &[], &large);
    let answers = [
        ("no such route", post("/v2"), 404, "not-found"),
        ("wrong method", post("/v1/pipelines"), 405, "method-not-allowed"),
        (
            "no such option",
            server.process("thumb?width=1", &large),
            400,
            "bad-request",
        ),
        (
            "a name that is no text",
            server.process("%ff", &large),
            400,
            "bad-request",
        ),
        (
            "and without a body",
            server.get("/v1/pipelines/%ff"),
            400,
            "bad-request",
        ),
        (
            "no kind of problem",
            server.get("/problems/%ff"),
            400,
            "bad-request",
        ),
        (
            "no such pipeline",
            server.process("nothing", &large),
            404,
            "not-found",
        ),
    ];
    expect(&server, answers);
}
