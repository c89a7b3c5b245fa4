//! All that is known of a job, for people.

use serde_json::Value;

use super::coloured;
use crate::cli::client::{entries, failure, text};
use crate::cli::explain::thousands;
use crate::cli::style;
use crate::cli::table::{count, field};

pub(super) fn print(job: &Value) {
    field("job", text(job, "id"));
    field("state", &coloured(text(job, "state")));
    field("pipeline", text(job, "pipeline"));
    field("lane", text(job, "lane"));
    let original = &job["original"];
    field("file", text(original, "filename"));
    field(
        "original",
        &format!("{} bytes  {}", original["length"], text(original, "digest")),
    );
    for name in [
        "submitted_at",
        "started_at",
        "finished_at",
        "due_at",
        "parked_for",
        "worker",
    ] {
        field(&name.replace('_', " "), text(job, name));
    }
    field("attempts", &attempts(job));
    if !job["failure"].is_null() {
        field("failure", &style::error(failure(job)));
    }
    for rendition in entries(job, "renditions") {
        let size = format!("{}x{}", rendition["width"], rendition["height"]);
        let (name, href) = (text(rendition, "name"), text(rendition, "href"));
        field(
            "rendition",
            &format!("{name}  {size}  {} bytes  {href}", rendition["length"]),
        );
    }
    report(&job["report"]);
    for error in entries(job, "errors") {
        field("error", &format!("{}  {}", text(error, "at"), failure(error)));
    }
}

fn attempts(job: &Value) -> String {
    let number = |field: &str| job[field].as_u64().unwrap_or_default();
    let mut said = Vec::new();
    if number("attempts_failed") > 0 {
        said.push(format!("{} failed", number("attempts_failed")));
    }
    if number("rescues") > 0 {
        said.push(count(number("rescues"), "rescue"));
    }
    said.join(", ")
}

fn report(report: &Value) {
    if report["salvaged"] == true {
        field(
            "salvaged",
            &style::warning("pixels were missing from the original"),
        );
    }
    for step in entries(report, "steps") {
        field("step", &took(step));
        for note in entries(step, "notes").iter().filter_map(Value::as_str) {
            field("", note);
        }
        if let Some(skipped) = step["skipped"].as_str() {
            field("", &style::warning(format!("passed over: {skipped}")));
        }
        if let Some(other) = step["replaced_by"].as_str() {
            field("", &style::warning(format!("in its place: {other}")));
        }
    }
    for (step, found) in report["analyses"].as_object().into_iter().flatten() {
        field("result", &format!("{step} = {found}"));
    }
    for (step, said) in report["metadata"].as_object().into_iter().flatten() {
        field("metadata", &format!("{step} = {said}"));
    }
}

/// `small  resize  1.2 ms  400x300 rgb8`, and what else is known.
fn took(step: &Value) -> String {
    let mut parts = vec![
        text(step, "id").to_owned(),
        text(step, "uses").to_owned(),
        format!("{:.1} ms", step["ms"].as_f64().unwrap_or_default()),
    ];
    parts.extend(
        step["fuel"]
            .as_u64()
            .map(|fuel| format!("{} fuel", thousands(fuel))),
    );
    parts.extend(
        step["memory"]
            .as_u64()
            .map(|bytes| format!("{} KiB", bytes >> 10)),
    );
    if step["cache"] == "hit" {
        parts.push("remembered".to_owned());
    }
    if step["paused"] == true {
        parts.push("not tried: its plugin is paused".to_owned());
    }
    parts.push(text(step, "output").to_owned());
    parts.retain(|part| !part.is_empty());
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_says_what_it_took() {
        let step = json!({
            "id": "marked", "uses": "watermark@1.0.0", "ms": 1.26, "fuel": 1_234_567, "memory": 2_097_152,
            "cache": "hit", "output": "400x300 rgb8",
        });
        let said = "marked  watermark@1.0.0  1.3 ms  1 234 567 fuel  2048 KiB  remembered  400x300 rgb8";
        assert_eq!(took(&step), said);
    }

    #[test]
    fn attempts_are_told_where_there_were_any() {
        assert_eq!(attempts(&json!({ "attempts_failed": 0, "rescues": 0 })), "");
        let job = json!({ "attempts_failed": 2, "rescues": 1 });
        assert_eq!(attempts(&job), "2 failed, 1 rescue");
    }
}
