use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::budget::Budget;

fn sources(hosts: &[&str]) -> Sources {
    reaching(hosts, false)
}

fn reaching(hosts: &[&str], private: bool) -> Sources {
    rustls::crypto::ring::default_provider().install_default().ok();
    let args = SourceArgs {
        hosts: hosts.iter().map(|h| (*h).to_owned()).collect(),
        private,
    };
    Sources::new(&args).unwrap()
}

#[test]
fn hosts_fit_as_a_whole() {
    assert!(fits("*", "anything.example"));
    assert!(fits("images.example.com", "Images.Example.com"));
    assert!(fits("*.example.com", "a.b.example.com"));
    assert!(!fits("*.example.com", "example.com"));
    assert!(!fits("*.example.com", "evil-example.com"));
    assert!(!fits("example.com", "example.com.evil.net"));
}

#[tokio::test]
async fn what_only_the_server_can_reach_is_refused() {
    let sources = sources(&["*"]);
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/latest/meta-data",
        "http://169.254.169.254/",
        "http://10.1.2.3/",
        "http://localhost/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "no address at all",
    ] {
        let refused = sources.fetch(url, 100, Budget::new(100).share()).await;
        assert!(
            matches!(refused, Err(SourceError::NotAllowed(_))),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_fetched_from_hosts_that_nobody_allowed() {
    for hosts in [&[][..], &["images.example.com"]] {
        let refused = sources(hosts)
            .fetch("http://other.example.com/", 100, Budget::new(100).share())
            .await;
        assert!(matches!(refused, Err(SourceError::NotAllowed(_))), "{refused:?}");
    }
}

#[test]
fn a_host_means_its_usual_ports() {
    let allows = |entry, url: &str| allows(entry, &Url::parse(url).unwrap());
    assert!(allows("a.example", "https://a.example/x.png"));
    assert!(allows("a.example", "http://a.example:80/x.png"));
    assert!(!allows("a.example", "http://a.example:8080/x.png"));
    assert!(!allows("*", "http://a.example:22/"));
    assert!(allows("a.example:8080", "https://a.example:8080/x.png"));
    assert!(!allows("a.example:8080", "https://a.example/x.png"));
    assert!(allows("*.example:443", "https://a.example/x.png"));
    assert!(allows("[::1]:8080", "http://[::1]:8080/"));
    assert!(allows("[::1]", "http://[::1]/"));
    assert!(!allows("[::1]", "http://[::1]:8080/"));
}

/// A server on this machine that gives the same answer to each path; where it is, as `127.0.0.1:PORT`.
async fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let answer = answer(head.split(' ').nth(1).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
            if answer.is_empty() {
                // Until the caller has gone.
                stream.read_u8().await.ok();
            }
        }
    });
    place
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// Without a length, so that nobody knows before how much will come.
fn body(bytes: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{bytes}")
}

async fn fetch(sources: &Sources, url: &str, limit: u64) -> Result<Original, SourceError> {
    sources.fetch(url, limit, Budget::new(1000).share()).await
}

#[tokio::test]
async fn an_original_is_fetched_also_by_way_of_another_place() {
    let there = serve(|_| body("picture")).await;
    let here = {
        let to = format!("http://{there}/picture");
        serve(move |path| match path {
            "/moved" => redirect(&to),
            "/relative" => redirect("/moved"),
            _ => redirect("http://localhost:1/"),
        })
        .await
    };
    let sources = reaching(&[&here, &there], true);
    for path in ["moved", "relative"] {
        let fetched = fetch(&sources, &format!("http://{here}/{path}"), 100).await;
        assert_eq!(fetched.unwrap().bytes(), b"picture", "{path}");
    }
    let refused = fetch(&sources, &format!("http://{here}/elsewhere"), 100).await;
    assert!(matches!(refused, Err(SourceError::NotAllowed(_))), "{refused:?}");
    let refused = fetch(&reaching(&["127.0.0.1"], true), &format!("http://{there}/"), 100).await;
    assert!(
        matches!(refused, Err(SourceError::NotAllowed(_))),
        "another port: {refused:?}"
    );
}

#[tokio::test]
async fn too_much_and_too_many_redirects_are_refused() {
    let here = serve(|path| match path {
        "/circle" => redirect("/circle"),
        _ => body(&"x".repeat(101)),
    })
    .await;
    let sources = reaching(&[&here], true);
    let large = fetch(&sources, &format!("http://{here}/large"), 100).await;
    assert!(matches!(large, Err(SourceError::TooLarge(100))), "{large:?}");
    let circle = fetch(&sources, &format!("http://{here}/circle"), 100).await;
    assert!(matches!(circle, Err(SourceError::Failed(_))), "{circle:?}");
}

#[tokio::test]
async fn who_never_answers_is_given_up_on() {
    let here = serve(|_| String::new()).await;
    let mut sources = reaching(&[&here], true);
    sources.time = Duration::from_millis(100);
    let silent = fetch(&sources, &format!("http://{here}/"), 100).await;
    assert!(matches!(silent, Err(SourceError::Failed(_))), "{silent:?}");
}
