//! Webhooks on their way: what is due is signed and sent, and what came of it is told to the store.
//!
//! Each endpoint has a task of its own while something is due for it, so that a slow one holds up nobody else. When
//! to try again and when to give up is decided in `workflow::webhook`. Where deliveries come from is the store's.

mod message;
pub(crate) mod sign;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use tokio::task::{AbortHandle, JoinSet};
use workflow::ports::{DeliveryEnd, Due, Millis, Stored};
use workflow::webhook::{self, Answer};
use workflow::words::clip;

use super::hear;
use super::source::{self, Guard};
use crate::app::App;
use crate::clock;

/// For one attempt.
const TIME: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);
/// Who says nothing for so long has lost a delivery.
const LEASE: Millis = 60_000;
/// To one endpoint.
const AT_ONCE: u32 = 8;
/// For what nobody here told of: attempts that are due again, and ends that another process caused and left.
const LOOK: Duration = Duration::from_secs(2);
/// Between two looks, however much happens.
const REST: Duration = Duration::from_millis(100);

/// Where webhooks may go.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WebhookArgs {
    /// Also send webhooks to private and loopback addresses. Whoever may add an endpoint can then reach them.
    #[arg(long, env = "STOPBATH_WEBHOOK_PRIVATE")]
    webhook_private: bool,
    /// Where callers reach this server, such as `https://images.example.com`: the addresses of results in webhooks begin
    /// with it. Without it they begin with `/v1`.
    #[arg(long, env = "STOPBATH_PUBLIC_URL", value_name = "URL", value_parser = public)]
    public_url: Option<String>,
}

/// Paths are added to it.
fn public(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err("it is not like `https://images.example.com`".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[derive(Debug, Clone)]
pub(crate) struct Hooks {
    client: Client,
    private: bool,
    /// Before each path in a message.
    public: String,
}

impl Hooks {
    pub(crate) fn new(args: &WebhookArgs) -> reqwest::Result<Self> {
        let private = args.webhook_private;
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(TIME)
            .connect_timeout(CONNECT)
            .dns_resolver(Arc::new(Guard { private }))
            .user_agent(concat!("stopbath/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let public = args.public_url.clone().unwrap_or_default();
        Ok(Self {
            client,
            private,
            public,
        })
    }

    /// Everything that can be said before a name is resolved; the error is for people.
    pub(crate) fn allow(&self, url: &str) -> Result<Url, String> {
        let refused = |why: &str| format!("nothing can be sent to {}: {why}", clip(url));
        let parsed = Url::parse(url).map_err(|error| refused(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refused("only http and https are spoken"));
        }
        if !self.private && source::is_private(&parsed) {
            return Err(refused("it is not a public address (`--webhook-private`)"));
        }
        Ok(parsed)
    }

    async fn send(&self, due: &Due) -> Result<Response, String> {
        let url = self.allow(&due.url)?;
        // Receivers compare it with their own clocks.
        let (id, timestamp) = (due.lease.delivery.as_str(), clock::wall() / 1000);
        let body = message::body(due, &self.public);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header(
                "webhook-signature",
                sign::signatures(&due.secrets, id, timestamp, &body),
            )
            .body(body);
        request
            .send()
            .await
            .map_err(|error| source::reason(&error).to_string())
    }
}

/// Until the process ends.
pub(crate) async fn deliver(app: Arc<App>) {
    let mut news = app.jobs.news.subscribe();
    let mut tasks = JoinSet::new();
    let mut busy: HashMap<String, AbortHandle> = HashMap::new();
    loop {
        while tasks.try_join_next().is_some() {}
        busy.retain(|_, task| !task.is_finished());
        match app.jobs.store.endpoints_due(app.jobs.clock.now()).await {
            Ok(endpoints) => {
                for endpoint in endpoints {
                    let serve = || tasks.spawn(serve(Arc::clone(&app), endpoint.clone()));
                    busy.entry(endpoint.clone()).or_insert_with(serve);
                }
            }
            Err(error) => tracing::error!("look for webhooks to send: {error}"),
        }
        tokio::time::sleep(REST).await;
        let an_end = hear(&mut news, |told| told.state.is_end());
        tokio::time::timeout(LOOK, an_end).await.ok();
    }
}

/// Sends to one endpoint until nothing is due for it.
async fn serve(app: Arc<App>, endpoint: String) {
    loop {
        match round(&app, &endpoint).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(endpoint, "take webhooks to send: {error}");
                return;
            }
        }
    }
}

/// How many were sent.
async fn round(app: &Arc<App>, endpoint: &str) -> Stored<usize> {
    let jobs = &app.jobs;
    let now = jobs.clock.now();
    let due = jobs.store.due(endpoint, now, now + LEASE, AT_ONCE).await?;
    let sent = due.len();
    let mut attempts = JoinSet::new();
    for delivery in due {
        attempts.spawn(attempt(Arc::clone(app), delivery));
    }
    while attempts.join_next().await.is_some() {}
    Ok(sent)
}

async fn attempt(app: Arc<App>, due: Due) {
    let jobs = &app.jobs;
    let sent = jobs.hooks.send(&due).await;
    let now = jobs.clock.now();
    let answer = match &sent {
        Ok(response) => Answer::Status {
            code: response.status().as_u16(),
            retry_after: retry_after(response, clock::wall()),
        },
        Err(_) => Answer::None,
    };
    let status = sent.as_ref().ok().map(Response::status);
    let good = status.is_some_and(|status| status.is_success());
    let error = match &sent {
        Ok(_) if good => None,
        Ok(response) => Some(format!("it answers {}", response.status())),
        Err(error) => Some(clip(error).into_owned()),
    };
    if let Some(error) = &error {
        tracing::warn!(
            endpoint = due.lease.endpoint,
            delivery = due.lease.delivery,
            "a webhook was not taken: {error}"
        );
    }
    let end = DeliveryEnd {
        verdict: webhook::verdict(answer, due.failures, rand::random()),
        lease: due.lease,
        status: status.map(|status| status.as_u16()),
        error,
    };
    if let Err(error) = jobs.store.settle_delivery(&end, now).await {
        tracing::error!(
            delivery = end.lease.delivery,
            "a webhook will be sent once more: {error}"
        );
    }
}

/// In seconds, or a date; as milliseconds from now.
fn retry_after(response: &Response, now: Millis) -> Option<Millis> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Millis::from(seconds) * 1000);
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some((date.timestamp_millis() - now).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_need_to_be_allowed() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let hooks = |webhook_private| {
            let args = WebhookArgs {
                webhook_private,
                public_url: None,
            };
            Hooks::new(&args).unwrap()
        };
        let (strict, lax) = (hooks(false), hooks(true));
        for url in [
            "http://127.0.0.1:9/",
            "http://[::1]/",
            "http://10.0.0.1/hook",
            "http://0x7f.1/",
        ] {
            assert!(
                strict.allow(url).unwrap_err().contains("--webhook-private"),
                "{url}"
            );
            lax.allow(url).unwrap();
        }
        for url in ["ftp://example.com/", "file:///etc/passwd", "example.com", ""] {
            strict.allow(url).unwrap_err();
            lax.allow(url).unwrap_err();
        }
        strict.allow("https://example.com/hook").unwrap();
    }

    #[test]
    fn a_public_address_has_no_end_of_its_own() {
        for (text, kept) in [
            ("https://images.example.com/", "https://images.example.com"),
            (
                "http://example.com:8080/images/",
                "http://example.com:8080/images",
            ),
        ] {
            assert_eq!(public(text).as_deref(), Ok(kept));
        }
        for text in [
            "images.example.com",
            "ftp://example.com",
            "https://example.com/?a=1",
        ] {
            public(text).unwrap_err();
        }
    }
}
