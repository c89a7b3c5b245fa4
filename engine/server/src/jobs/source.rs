//! An original from an address that the caller names: fetched by the server, so guarded against being sent where only
//! the server can go.
//!
//! Only hosts that the operator allows, at the scheme's own port unless another one is named with the host; only `http`
//! and `https`; and only public addresses: that is looked at after the
//! name was resolved and at the moment of connecting, for each redirect anew, so that no name can change its mind in
//! between.

mod address;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use workflow::words::clip;

use crate::budget::{Share, Spent};
use crate::original::{AppendError, Original};

/// For one original, redirects and all.
const TIME: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const REDIRECTS: usize = 3;

/// Which addresses callers may name.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SourceArgs {
    /// A host from which originals may be fetched, such as `images.example.com` or `*.example.com`; `*` allows every
    /// public host. Only ports 80 and 443 are meant, or with `HOST:PORT` only that one. May be given several times; none
    /// is allowed without it.
    #[arg(
        long = "source-host",
        env = "STOPBATH_SOURCE_HOSTS",
        value_name = "HOST[:PORT]",
        value_delimiter = ','
    )]
    hosts: Vec<String>,
    /// Also fetch from private and loopback addresses. Whoever may submit jobs can then reach them.
    #[arg(long = "source-private", env = "STOPBATH_SOURCE_PRIVATE")]
    private: bool,
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("{0}")]
    NotAllowed(String),
    #[error("the original is larger than {0} bytes")]
    TooLarge(u64),
    #[error("{0}")]
    Failed(String),
    #[error("too many originals and answers are in memory at once")]
    Busy,
}

#[derive(Debug, Clone)]
pub(crate) struct Sources {
    client: Client,
    /// For everything together.
    time: Duration,
    args: SourceArgs,
}

impl Sources {
    pub(crate) fn new(args: &SourceArgs) -> reqwest::Result<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .dns_resolver(Arc::new(Guard {
                private: args.private,
            }))
            .user_agent(concat!("stopbath/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            time: TIME,
            args: args.clone(),
        })
    }

    /// `limit` is in bytes; the original comes with its share of the budget.
    pub(crate) async fn fetch(
        &self,
        source: &str,
        limit: u64,
        share: Share,
    ) -> Result<Original, SourceError> {
        let fetched = tokio::time::timeout(self.time, self.follow(source, limit, share)).await;
        fetched.unwrap_or_else(|_| {
            let text = format!("{} took longer than {:?}", clip(source), self.time);
            Err(SourceError::Failed(text))
        })
    }

    async fn follow(&self, source: &str, limit: u64, share: Share) -> Result<Original, SourceError> {
        let mut url = Url::parse(source).map_err(|error| not_allowed(source, &error.to_string()))?;
        for _ in 0..=REDIRECTS {
            self.allow(&url)?;
            let answer = self.client.get(url.clone()).send().await;
            let answer = answer.map_err(|error| failed(&url, &error))?;
            if !answer.status().is_redirection() {
                return receive(answer, limit, share).await;
            }
            let to = answer.headers().get("location").and_then(|to| to.to_str().ok());
            let to = to
                .ok_or_else(|| SourceError::Failed(format!("{} redirects to nowhere", clip(url.as_str()))))?;
            url = url
                .join(to)
                .map_err(|error| not_allowed(to, &error.to_string()))?;
        }
        Err(SourceError::Failed(format!(
            "{} redirects more than {REDIRECTS} times",
            clip(source)
        )))
    }

    /// Everything that can be said before a name is resolved.
    fn allow(&self, url: &Url) -> Result<(), SourceError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(not_allowed(url.as_str(), "only http and https are fetched"));
        }
        if !self.args.hosts.iter().any(|pattern| allows(pattern, url)) {
            let host = clip(url.host_str().unwrap_or_default());
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            return Err(not_allowed(
                url.as_str(),
                &format!("the host {host}{port} is not allowed (`--source-host`)"),
            ));
        }
        if !self.args.private && is_private(url) {
            return Err(not_allowed(url.as_str(), "it is not a public address"));
        }
        Ok(())
    }
}

/// An address instead of a name, and not a public one. Names are looked at when they are resolved; addresses never are.
pub(super) fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    literal.is_ok_and(|ip| !address::is_public(ip))
}

async fn receive(mut answer: Response, limit: u64, mut share: Share) -> Result<Original, SourceError> {
    let url = answer.url().clone();
    if !answer.status().is_success() {
        return Err(SourceError::Failed(format!(
            "{} answers {}",
            clip(url.as_str()),
            answer.status()
        )));
    }
    if answer.content_length().is_some_and(|length| length > limit) {
        return Err(SourceError::TooLarge(limit));
    }
    let mut original = Original::new(limit);
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&url, &error))? {
        share
            .grow(chunk.len() as u64)
            .map_err(|Spent| SourceError::Busy)?;
        original.append(&chunk).map_err(|error| match error {
            AppendError::TooLarge(limit) => SourceError::TooLarge(limit),
            AppendError::Io(error) => SourceError::Failed(error.to_string()),
        })?;
    }
    if original.bytes().is_empty() {
        return Err(SourceError::Failed(format!(
            "{} has no bytes",
            clip(url.as_str())
        )));
    }
    original.keep(share);
    Ok(original)
}

/// An entry without a port means the scheme's own one.
fn allows(entry: &str, url: &Url) -> bool {
    let entry = entry.trim();
    let split = entry.rsplit_once(':').and_then(|(host, port)| {
        let whole = !host.contains(':') || host.ends_with(']');
        whole.then(|| Some((host, port.parse::<u16>().ok()?))).flatten()
    });
    let (pattern, port) = match split {
        Some((host, port)) => (host, url.port_or_known_default() == Some(port)),
        None => (entry, url.port().is_none()),
    };
    port && fits(pattern, url.host_str().unwrap_or_default())
}

/// `*.example.com` stands for every name below it.
fn fits(pattern: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(rest) => host.len() > rest.len() && rest.starts_with('.') && host.ends_with(rest),
        None => host == pattern,
    }
}

fn not_allowed(source: &str, why: &str) -> SourceError {
    SourceError::NotAllowed(format!("{} is not fetched: {why}", clip(source)))
}

/// The reason beneath, which `reqwest` keeps to itself.
pub(super) fn reason(error: &reqwest::Error) -> &(dyn std::error::Error + 'static) {
    let mut reason: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason
}

fn failed(url: &Url, error: &reqwest::Error) -> SourceError {
    let reason = reason(error);
    let text = format!("{} cannot be fetched: {reason}", clip(url.as_str()));
    if reason.is::<Private>() {
        return SourceError::NotAllowed(text);
    }
    SourceError::Failed(text)
}

/// Resolves names, and lets no private address through.
pub(super) struct Guard {
    pub(super) private: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
struct Private;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.filter(|a| private || address::is_public(a.ip())).collect();
            if found.is_empty() {
                return Err(Private.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
