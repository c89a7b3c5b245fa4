//! The command line: exit codes, messages with positions, JSON for scripts.

use std::path::{Path, PathBuf};

use e2e::{Ran, pictures, plugins, root, stopbath};
use tempfile::TempDir;

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn run(arguments: &[&Path]) -> Ran {
    stopbath(arguments.iter().map(|a| a.as_os_str()))
}

fn thumb() -> PathBuf {
    root().join("pipelines/thumb.yaml")
}

#[test]
fn help_names_every_command() {
    let help = stopbath(["--help"]).ok().output;
    for command in [
        "run",
        "check",
        "serve",
        "explain",
        "plugin",
        "schema",
        "completions",
    ] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(command)),
            "{command}: {help}"
        );
        assert!(
            stopbath([command, "--help"]).ok().output.contains("Usage"),
            "{command}"
        );
    }
    assert_eq!(stopbath(["dance"]).code, Some(2));
    assert!(stopbath(["completions", "bash"]).ok().output.contains("stopbath"));
    assert!(stopbath(["schema"]).ok().json()["properties"].is_object());
}

#[test]
fn every_problem_is_shown_at_once_with_its_position() {
    let folder = TempDir::new().unwrap();
    let bad = file(
        &folder,
        "bad.yaml",
        "pipeline: bad
steps:
  - id: photo
    uses: decode
  - id: small
    uses: resize
    with: { widht: 400 }
  - id: marked
    from: nowhere
    uses: watermark@^9
renditions:
  - { name: out.jpg, from: small, format: jpg }
",
    );
    let ran = run(&[Path::new("check"), &bad]);
    assert_eq!(ran.code, Some(1));
    for expected in ["bad.yaml:7:13", "width", "nowhere", "watermark", "jpeg"] {
        assert!(
            ran.output.contains(expected),
            "{expected} is missing:\n{}",
            ran.output
        );
    }
    let json = run(&[Path::new("check"), Path::new("--json"), &bad]).json();
    assert!(json.as_array().unwrap().len() >= 4, "{json}");
    assert_eq!(run(&[Path::new("check"), &thumb(), &bad]).code, Some(1));
    assert_eq!(
        run(&[Path::new("check"), &folder.path().join("none.yaml")]).code,
        Some(1)
    );
}

#[test]
fn one_bad_image_does_not_stop_the_others() {
    let folder = TempDir::new().unwrap();
    let good = pictures::photo("chelsea.jpg");
    let images = [
        file(&folder, "a.jpg", &good),
        file(&folder, "half.jpg", &good[..good.len() / 2]),
        file(&folder, "b.png", pictures::photo("astronaut.png")),
    ];
    let out = folder.path().join("out/deep");
    let command = [
        Path::new("run"),
        &thumb(),
        &images[0],
        &images[1],
        &images[2],
        Path::new("-o"),
        &out,
    ];
    let ran = run(&command);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.output.contains("bad-input") && ran.output.contains("2 done") && ran.output.contains("1 failed"),
        "{}",
        ran.output
    );
    assert!(
        !ran.output.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    let mut files: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["a-thumb.jpg", "b-thumb.jpg"]);
    assert_eq!(
        pictures::read(&std::fs::read(out.join("b-thumb.jpg")).unwrap()).dimensions(),
        (400, 400)
    );

    let json = run(&[&command[..], &[Path::new("--json")]].concat()).json();
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!(json[1]["failure"]["kind"], "bad-input");
    assert_eq!(json[0]["report"]["steps"][0]["id"], "photo");
}

#[test]
fn files_that_are_missing_or_too_large_are_called_so() {
    let folder = TempDir::new().unwrap();
    let pipeline = file(
        &folder,
        "small.yaml",
        "pipeline: small\ninput: { max_bytes: 10kB }\nsteps:\n  - { id: photo, uses: decode }\n\
         renditions:\n  - { name: out.png, format: png }\n",
    );
    // A terabyte of nothing: who reads it first does not come back.
    let large = folder.path().join("large.jpg");
    std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    let (missing, out) = (folder.path().join("missing.jpg"), folder.path().join("out"));
    let ran = run(&[
        Path::new("run"),
        &pipeline,
        &large,
        &missing,
        Path::new("-o"),
        &out,
        Path::new("--json"),
    ]);
    assert_eq!(ran.code, Some(1));
    let lines = ran.json();
    let failure = |line: usize| {
        let failure = &lines[line]["failure"];
        (
            failure["kind"].as_str().unwrap().to_owned(),
            failure["message"].as_str().unwrap().to_owned(),
        )
    };
    let (kind, message) = failure(0);
    assert!(
        kind == "too-large" && message.contains("max_bytes"),
        "{kind}: {message}"
    );
    let (kind, message) = failure(1);
    assert!(
        kind == "bad-input" && message.contains("there is no file"),
        "{kind}: {message}"
    );
    let explained = run(&[Path::new("explain"), &pipeline, &missing]);
    assert!(
        explained.errors.contains("there is no file"),
        "{}",
        explained.errors
    );
}

#[test]
fn explain_says_why() {
    let folder = TempDir::new().unwrap();
    let turned = file(
        &folder,
        "turned.jpg",
        pictures::with_orientation(&pictures::photo("chelsea.jpg"), 6),
    );
    let ran = run(&[Path::new("explain"), &thumb(), &turned]).ok();
    for expected in ["photo", "small", "decode", "resize", "orientation"] {
        assert!(ran.output.contains(expected), "{expected}: {}", ran.output);
    }
}

#[test]
fn plugins_can_be_looked_into_and_tried() {
    let folder = TempDir::new().unwrap();
    let adjust = plugins().join("adjust.wasm");
    let shown = run(&[Path::new("plugin"), Path::new("inspect"), &adjust])
        .ok()
        .output;
    assert!(shown.contains("adjust") && shown.contains("Filter"), "{shown}");
    let (photo, out) = (pictures::path("chelsea.jpg"), folder.path().join("out.png"));
    let plugin = |with: &str, out: &Path| {
        run(&[
            Path::new("plugin"),
            Path::new("run"),
            &adjust,
            &photo,
            Path::new("--with"),
            Path::new(with),
            Path::new("-o"),
            out,
        ])
    };
    drop(plugin(r#"{"grayscale": true}"#, &out).ok());
    let gray = pictures::read(&std::fs::read(&out).unwrap());
    assert!(
        gray.pixels()
            .all(|p| p.0[0].abs_diff(p.0[1]) <= 1 && p.0[1].abs_diff(p.0[2]) <= 1)
    );
    let wrong = plugin(r#"{"grayscael": true}"#, &out);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.errors.contains("grayscael"), "{}", wrong.errors);
}
