//! What is no plugin is refused by name, in time, and the server starts all the same.

use std::path::Path;
use std::time::Instant;

use e2e::{Server, pictures, plugins, stopbath};
use guest_builder::Guest;
use image::ImageFormat;
use tempfile::TempDir;

const QUICK: &str =
    "steps:\n  - { id: photo, uses: decode }\nrenditions:\n  - { name: out.png, format: png }\n";

/// Files that must be refused, and a word that the reason must have.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = std::fs::read(plugins().join("blurhash.wasm")).unwrap();
    let component = |guest: Guest| guest.component().unwrap();
    vec![
        ("empty", Vec::new(), "empty"),
        ("text", b"I am no component".to_vec(), "WebAssembly"),
        ("core-module", b"\0asm\x01\0\0\0".to_vec(), "component"),
        (
            "elf",
            [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 200]].concat(),
            "precompiled",
        ),
        (
            "truncated",
            good[..good.len() / 2].to_vec(),
            "cut short: it ends at byte",
        ),
        ("start-loops", component(Guest::start_loops()), "fuel"),
        ("describe-loops", component(Guest::describe_loops()), "fuel"),
        ("start-traps", component(Guest::start_traps()), ""),
        ("describe-traps", component(Guest::describe_traps()), ""),
        ("huge-table", component(Guest::huge_table()), ""),
        ("invalid-name", component(Guest::invalid_name()), "name"),
        ("invalid-version", component(Guest::invalid_version()), "version"),
        ("invalid-schema", component(Guest::invalid_schema()), "schema"),
        (
            "schema-is-not-json",
            component(Guest::schema_is_not_json()),
            "schema",
        ),
    ]
}

fn inspect(path: &Path) -> e2e::Ran {
    stopbath([Path::new("plugin"), Path::new("inspect"), path])
}

#[test]
fn each_is_refused_with_a_reason() {
    let folder = TempDir::new().unwrap();
    let mut wrong = Vec::new();
    for (name, bytes, word) in refused() {
        let path = folder.path().join(name).with_extension("wasm");
        std::fs::write(&path, bytes).unwrap();
        let begun = Instant::now();
        let ran = inspect(&path);
        println!("{name}: {}", ran.errors.trim());
        if ran.code != Some(1) || !ran.errors.contains(word) || begun.elapsed().as_secs() > 20 {
            wrong.push(format!(
                "{name}: code {:?} after {:?}: {}",
                ran.code,
                begun.elapsed(),
                ran.errors
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn little_address_space_is_enough() {
    // The pool of memories does not fit into 3 GB, nor does one memory as wasmtime would reserve it.
    let ran = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 3000000 && exec \"$0\" plugin inspect \"$1\""])
        .arg(e2e::binary())
        .arg(plugins().join("blurhash.wasm"))
        .env("STOPBATH_DATA", TempDir::new().unwrap().path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_cache_that_cannot_be_written_is_told_and_harms_nobody() {
    let data = TempDir::new().unwrap();
    let inspect = || {
        let mut command = std::process::Command::new(e2e::binary());
        command
            .args(["plugin", "inspect"])
            .arg(plugins().join("blurhash.wasm"));
        let ran = command.env("STOPBATH_DATA", data.path()).output().unwrap();
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{errors}");
        errors
    };
    inspect();
    let cache = data.path().join("cache");
    for entry in std::fs::read_dir(&cache).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "code") {
            std::fs::remove_file(&path).unwrap();
            // In the way of the file that is to be there.
            std::fs::create_dir(&path).unwrap();
        }
    }
    let errors = inspect();
    let folder = cache.to_str().unwrap();
    assert!(
        errors.contains("cannot be kept") && errors.contains(folder),
        "{errors}"
    );
}

#[test]
fn a_server_starts_beside_them() {
    let folder = TempDir::new().unwrap();
    let files = refused();
    for (name, bytes, _) in &files {
        std::fs::write(folder.path().join(name).with_extension("wasm"), bytes).unwrap();
    }
    std::fs::copy(
        plugins().join("blurhash.wasm"),
        folder.path().join("zz-good.wasm"),
    )
    .unwrap();
    let server = Server::of([("quick", QUICK)]).plugins(folder.path()).start();
    let listed = server.get("/v1/plugins").ok().json();
    assert_eq!(listed["plugins"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(
        listed["rejected"].as_array().unwrap().len(),
        files.len(),
        "{listed}"
    );
    drop(
        server
            .process("quick", &pictures::small(ImageFormat::Png, 20, 20))
            .ok(),
    );
}

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn what_has_no_end_is_refused_and_not_waited_for() {
    let folder = TempDir::new().unwrap();
    let (fifo, large) = (folder.path().join("a.wasm"), folder.path().join("large.wasm"));
    pipe(&fifo);
    std::fs::File::create(&large).unwrap().set_len(3 << 30).unwrap();
    let begun = Instant::now();
    for (path, expected) in [
        (fifo.as_path(), "not a regular file"),
        (Path::new("/dev/zero"), "not a regular file"),
        (large.as_path(), "larger than 64 MiB"),
    ] {
        let ran = inspect(path);
        assert_eq!(ran.code, Some(1), "{}", path.display());
        assert!(
            ran.errors.contains(expected),
            "{}: {}",
            path.display(),
            ran.errors
        );
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn pipes_in_the_folders_are_left_out() {
    let (components, pipelines) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    pipe(&components.path().join("a.wasm"));
    let good = components.path().join("zz-good.wasm");
    std::fs::copy(plugins().join("blurhash.wasm"), good).unwrap();
    let fifo = pipelines.path().join("a.yaml");
    pipe(&fifo);
    std::fs::write(
        pipelines.path().join("quick.yaml"),
        format!("pipeline: quick\n{QUICK}"),
    )
    .unwrap();
    let ran = stopbath([Path::new("check"), &fifo]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.errors.contains("not a regular file"), "{}", ran.errors);
    let server = Server::of([("other", QUICK)])
        .plugins(components.path())
        .args(&["--pipelines", pipelines.path().to_str().unwrap()])
        .start();
    let listed = server.get("/v1/plugins").ok().json();
    assert_eq!(listed["plugins"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["rejected"].as_array().unwrap().len(), 2, "{listed}");
    let picture = pictures::small(ImageFormat::Png, 20, 20);
    drop(server.process("quick", &picture).ok());
}

#[test]
fn very_much_code_harms_nobody() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("many.wasm");
    std::fs::write(&path, Guest::many_functions(200_000).component().unwrap()).unwrap();
    let begun = Instant::now();
    let ran = inspect(&path);
    // Whether it is taken is up to the compiler's limits; it must end, one way or the other.
    assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.errors);
    assert!(begun.elapsed().as_secs() < 90, "{:?}", begun.elapsed());
}
