//! `stopbath audit`: what was done to a running server.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use super::client::{Client, ServerArgs, entries, text};
use super::table::{Table, moment};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many entries, the newest.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let answer = client.json(client.get(&format!("/v1/audit?limit={}", args.limit)))?;
    if args.server.json {
        anstream::println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(["at", "who", "action", "subject", "detail"]);
    for entry in entries(&answer, "entries") {
        table.row([
            moment(text(entry, "at")),
            text(entry, "who").to_owned(),
            text(entry, "action").to_owned(),
            text(entry, "subject").to_owned(),
            words(&entry["detail"]),
        ]);
    }
    table.print();
    Ok(ExitCode::SUCCESS)
}

/// `all, limit 5, pipeline thumb`: what is set, without what is empty.
fn words(detail: &Value) -> String {
    let word = |(name, value): (&String, &Value)| match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some(name.clone()),
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(format!("{name} {text}")),
        Value::Array(all) if all.is_empty() => None,
        Value::Array(all) => {
            let all = all
                .iter()
                .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
            Some(format!("{name} {}", all.collect::<Vec<_>>().join(" ")))
        }
        Value::Object(inside) if inside.is_empty() => None,
        Value::Object(_) => Some(format!("{name} ({})", words(value))),
        Value::Number(number) => Some(format!("{name} {number}")),
    };
    let all = detail.as_object().into_iter().flatten().filter_map(word);
    all.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_words_without_what_is_empty() {
        let detail = json!({
            "all": true, "group": null, "jobs": ["a", "b"], "limit": 5, "plans": {}, "rules": { "rate": 60, "latest": false },
        });
        assert_eq!(words(&detail), "all, jobs a b, limit 5, rules (rate 60)");
        assert_eq!(words(&Value::Null), "");
    }
}
