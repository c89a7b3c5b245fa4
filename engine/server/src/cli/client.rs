//! What commands say to a running server, and what they make of its answers.

use std::error::Error;
use std::io;

use anyhow::{Context, Result, anyhow, bail};
use percent_encoding::utf8_percent_encode;
use reqwest::StatusCode;
use reqwest::blocking::{Client as Http, RequestBuilder, Response};
use serde_json::Value;

use crate::filename::ENCODED;

/// Options of every command that talks to a server.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ServerArgs {
    /// The server; may also stand before the command.
    #[arg(
        long,
        env = "STOPBATH_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    server: String,
    /// The answer as JSON; what goes wrong is told as text all the same.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) struct Client {
    base: String,
    http: Http,
}

impl Client {
    pub(super) fn new(args: &ServerArgs) -> Result<Self> {
        let base = base(&args.server)?;
        // Originals may take their time; a server that says nothing at all is noticed when connecting.
        let http = Http::builder().timeout(None).build()?;
        Ok(Self { base, http })
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }

    pub(super) fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}{path}", self.base))
    }

    /// The answer, or what the server says is wrong.
    pub(super) fn send(&self, request: RequestBuilder) -> Result<Response> {
        let answer = request.send();
        accepted(answer.map_err(|error| self.unreachable(error))?)
    }

    /// The same, or `None` while the server is away, as during a restart, or has trouble of its own.
    pub(super) fn reach(request: RequestBuilder) -> Result<Option<Response>> {
        match request.send() {
            Ok(answer) if !answer.status().is_server_error() => accepted(answer).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn json(&self, request: RequestBuilder) -> Result<Value> {
        self.parsed(self.send(request)?)
    }

    /// The same, or `None` where nothing is found.
    pub(super) fn found(&self, request: RequestBuilder) -> Result<Option<Value>> {
        let answer = request.send().map_err(|error| self.unreachable(error))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.parsed(accepted(answer)?).map(Some)
    }

    fn parsed(&self, answer: Response) -> Result<Value> {
        serde_json::from_str(&answer.text()?)
            .with_context(|| format!("{} does not answer in JSON; is it a Stopbath server?", self.base))
    }

    fn unreachable(&self, error: reqwest::Error) -> anyhow::Error {
        let base = &self.base;
        if is_refused(&error) {
            return anyhow!("nobody listens at {base}; is the server running? --server names another one");
        }
        anyhow::Error::new(error).context(format!("{base} does not answer; --server names another one"))
    }
}

/// Where paths are added to; without a scheme it is HTTP.
fn base(server: &str) -> Result<String> {
    let server = server.trim();
    let base = if server.contains("://") {
        server.to_owned()
    } else {
        format!("http://{server}")
    };
    let known = reqwest::Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !known {
        bail!("--server `{server}` is no address; write it like http://127.0.0.1:8080");
    }
    Ok(base.trim_end_matches('/').to_owned())
}

fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn accepted(answer: Response) -> Result<Response> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let text = answer.text().unwrap_or_default();
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    match problem["detail"].as_str() {
        Some(detail) => bail!("{detail}"),
        None => bail!("the answer is {status}, and not in Stopbath's words; is --server right?"),
    }
}

/// A text field of an answer.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// The entries of a list in an answer.
pub(super) fn entries<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A failure in one line.
pub(super) fn failure(value: &Value) -> String {
    let failure = &value["failure"];
    if failure.is_null() {
        return String::new();
    }
    let step = failure["step"]
        .as_str()
        .map(|step| format!("step `{step}`: "))
        .unwrap_or_default();
    format!("{step}{}: {}", text(failure, "kind"), text(failure, "message"))
}

/// A path or query segment as a URL wants it.
pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_scheme() {
        for server in ["127.0.0.1:1", "http://127.0.0.1:1/", " http://127.0.0.1:1"] {
            assert_eq!(base(server).unwrap(), "http://127.0.0.1:1");
        }
        assert_eq!(
            base("https://example.com/images/").unwrap(),
            "https://example.com/images"
        );
        for wrong in ["", "ftp://example.com", "http://"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(escape("a-b_c.d~e"), "a-b_c.d~e");
        assert_eq!(escape("a/b?c&d=é %"), "a%2Fb%3Fc%26d%3D%C3%A9%20%25");
    }
}
