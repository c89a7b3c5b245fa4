//! `stopbath webhook …`: who is told of the ends of jobs, and what was sent to them.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::client::{Client, ServerArgs, entries, escape, text};
use super::style;
use super::table::{Table, moment};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Tell an address of the ends of jobs; prints the secret that signs what is sent, this once.
    Add(Add),
    /// List endpoints, and how they do.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Tell an address nothing any more.
    Remove(One),
    /// Try an endpoint again that was disabled.
    Enable(One),
    /// Replace an endpoint's secret; the old one is valid for another day.
    Rotate(One),
    /// List what was sent to an endpoint, or is about to be.
    Deliveries(Deliveries),
    /// Send a delivery once more.
    Replay(Replay),
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Where messages are sent to, such as `https://example.com/hook`.
    url: String,
    /// Only of this pipeline.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Only of this end: `job.succeeded`, `job.dead` or `job.cancelled`. May be given several times.
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Its id.
    endpoint: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Deliveries {
    /// Its id.
    endpoint: String,
    /// Only of this job.
    #[arg(long)]
    job: Option<String>,
    /// How many, the newest.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Its id, `msg_…`.
    delivery: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn main(command: Command) -> Result<ExitCode> {
    match command {
        Command::Add(args) => add(&args)?,
        Command::List { server } => list(&server)?,
        Command::Remove(args) => {
            let client = Client::new(&args.server)?;
            client.send(client.delete(&path(&args.endpoint, "")))?;
            done(&args.server, &args.endpoint, "removed");
        }
        Command::Enable(args) => {
            let client = Client::new(&args.server)?;
            client.send(client.post(&path(&args.endpoint, "/enable")))?;
            done(&args.server, &args.endpoint, "enabled");
        }
        Command::Rotate(args) => {
            let client = Client::new(&args.server)?;
            let answer = client.json(client.post(&path(&args.endpoint, "/rotate")))?;
            secret(&args.server, &answer);
        }
        Command::Deliveries(args) => deliveries(&args)?,
        Command::Replay(args) => {
            let client = Client::new(&args.server)?;
            let path = format!("/v1/deliveries/{}/replay", escape(&args.delivery));
            client.send(client.post(&path))?;
            done(&args.server, &args.delivery, "replayed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(endpoint: &str, rest: &str) -> String {
    format!("/v1/webhooks/{}{rest}", escape(endpoint))
}

fn done(server: &ServerArgs, id: &str, what: &str) {
    if server.json {
        let mut answer = json!({ "id": id });
        answer[what] = true.into();
        anstream::println!("{answer:#}");
    } else {
        anstream::println!("{id} is {what}");
    }
}

fn add(args: &Add) -> Result<()> {
    let client = Client::new(&args.server)?;
    let body = json!({ "url": args.url, "pipeline": args.pipeline, "events": args.events });
    let answer = client.json(client.post("/v1/webhooks").json(&body))?;
    secret(&args.server, &answer);
    Ok(())
}

fn secret(server: &ServerArgs, answer: &Value) {
    if server.json {
        anstream::println!("{answer:#}");
        return;
    }
    anstream::println!("endpoint  {}", text(answer, "id"));
    anstream::println!("secret    {}  (shown this once)", text(answer, "secret"));
    if let Some(until) = answer["old_valid_until"].as_str() {
        anstream::println!("the old secret signs as well until {until}");
    }
}

fn list(server: &ServerArgs) -> Result<()> {
    let client = Client::new(server)?;
    let endpoints = client.json(client.get("/v1/webhooks"))?;
    if server.json {
        anstream::println!("{endpoints:#}");
        return Ok(());
    }
    let mut table = Table::new(["endpoint", "url", "pipeline", "events", "state"]);
    for endpoint in endpoints.as_array().into_iter().flatten() {
        let events: Vec<_> = entries(endpoint, "events")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        table.row([
            text(endpoint, "id").to_owned(),
            text(endpoint, "url").to_owned(),
            endpoint["pipeline"].as_str().unwrap_or("all").to_owned(),
            events.join(" "),
            health(endpoint),
        ]);
    }
    table.print();
    Ok(())
}

fn health(endpoint: &Value) -> String {
    match (endpoint["disabled"].as_str(), endpoint["failing_since"].as_str()) {
        (Some(why), _) => style::error(format!("disabled: {why}")),
        (None, Some(since)) => style::warning(format!("failing since {since}")),
        (None, None) => style::good("good"),
    }
}

fn deliveries(args: &Deliveries) -> Result<()> {
    let client = Client::new(&args.server)?;
    let mut query = format!("/deliveries?limit={}", args.limit);
    if let Some(job) = &args.job {
        query = format!("{query}&job={}", escape(job));
    }
    let page = client.json(client.get(&path(&args.endpoint, &query)))?;
    if args.server.json {
        anstream::println!("{page:#}");
        return Ok(());
    }
    let mut table = Table::new(["delivery", "type", "job", "state", "failures", "ended", "last"]);
    for delivery in entries(&page, "deliveries") {
        let last = match delivery["status"].as_u64() {
            Some(status) => status.to_string(),
            None => text(delivery, "error").to_owned(),
        };
        table.row([
            text(delivery, "id").to_owned(),
            text(delivery, "type").to_owned(),
            text(delivery, "job").to_owned(),
            text(delivery, "state").to_owned(),
            delivery["failures"].to_string(),
            moment(text(delivery, "at")),
            last,
        ]);
    }
    table.print();
    Ok(())
}
