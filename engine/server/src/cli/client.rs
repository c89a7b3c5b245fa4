//! What commands say to a running server, and what they make of its answers.

use anyhow::{Context, Result, bail};
use reqwest::blocking::{Client as Http, RequestBuilder, Response};
use serde_json::Value;

/// Options of every command that talks to a server.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ServerArgs {
    /// The server.
    #[arg(
        long,
        env = "STOPBATH_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    server: String,
    /// The answer as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) struct Client {
    base: String,
    http: Http,
}

impl Client {
    pub(super) fn new(args: &ServerArgs) -> Result<Self> {
        let base = args.server.trim_end_matches('/').to_owned();
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
        let answer =
            answer.with_context(|| format!("{} does not answer; name a server with --server", self.base))?;
        accepted(answer)
    }

    /// The same, or `None` while the server is away, as during a restart, or has trouble of its own.
    pub(super) fn reach(request: RequestBuilder) -> Result<Option<Response>> {
        match request.send() {
            Ok(answer) if !answer.status().is_server_error() => accepted(answer).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn json(&self, request: RequestBuilder) -> Result<Value> {
        let text = self.send(request)?.text()?;
        serde_json::from_str(&text).context("read the server's answer")
    }
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
        None => bail!("the server answers {status}: {text}"),
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
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let each = text.bytes().map(|b| {
        if keep(b) {
            char::from(b).to_string()
        } else {
            format!("%{b:02X}")
        }
    });
    each.collect()
}
