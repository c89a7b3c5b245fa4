//! The graph that `from` makes: unknown names, cycles, what flows along it, and what nobody uses.

use super::{
    super::OnFailure,
    renditions::RenditionDraft,
    report::{Report, clip, nearest},
    steps::{Draft, FallbackUse, ORIGINAL},
};
use crate::plan::Flow;

/// Where a step's input comes from; the number is an index into the file's steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Original,
    Step(usize),
}

/// The source of each step; None where `from` has an error. Reports unknown names, cycles and mismatches.
pub(super) fn sources(drafts: &[Draft<'_>], report: &mut Report) -> Vec<Option<Source>> {
    let sources: Vec<Option<Source>> = (0..drafts.len()).map(|i| source(drafts, i, report)).collect();
    for i in 0..drafts.len() {
        fallback(drafts, i, report);
    }
    cycles(drafts, &sources, report);
    for (i, source) in sources.iter().enumerate() {
        if let Some(source) = source {
            mismatch(drafts, i, *source, report);
        }
    }
    sources
}

pub(super) fn find(drafts: &[Draft<'_>], id: &str) -> Option<usize> {
    drafts
        .iter()
        .position(|d| !d.step.id.is_empty() && d.step.id == id)
}

/// "there is no step `photto`; did you mean `photo`?"
pub(super) fn unknown_step(drafts: &[Draft<'_>], id: &str) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for draft in drafts.iter().filter(|d| !d.step.id.is_empty()) {
        if !ids.contains(&draft.step.id.as_str()) {
            ids.push(&draft.step.id);
        }
    }
    let near = nearest(id, ids.iter().copied());
    let id = clip(id);
    match near {
        Some(near) => format!("there is no step `{id}`; did you mean `{near}`?"),
        None if ids.len() > 12 => format!("there is no step `{id}`"),
        None => format!("there is no step `{id}`; the steps are {}", ids.join(", ")),
    }
}

fn source(drafts: &[Draft<'_>], i: usize, report: &mut Report) -> Option<Source> {
    match drafts[i].step.from.as_deref() {
        // `from` may have been written, but not be a text: that is reported already.
        None if drafts[i]
            .node
            .get("from")
            .is_some_and(|(_, node)| !node.is_null()) =>
        {
            None
        }
        None if i == 0 => Some(Source::Original),
        None => Some(Source::Step(i - 1)),
        Some(ORIGINAL) => Some(Source::Original),
        Some(id) => {
            let found = find(drafts, id);
            if found.is_none() {
                let (at, text) = drafts[i].place("from");
                report.error(at, &text, unknown_step(drafts, id));
            }
            found.map(Source::Step)
        }
    }
}

fn fallback(drafts: &[Draft<'_>], i: usize, report: &mut Report) {
    let Some(FallbackUse::Step(id)) = &drafts[i].fallback else {
        return;
    };
    let (at, text) = drafts[i]
        .node
        .get("on_failure")
        .and_then(|(_, n)| n.get("fallback"))
        .map_or_else(
            || drafts[i].place("on_failure"),
            |(_, node)| (node.at, node.text()),
        );
    let Some(other) = find(drafts, id) else {
        report.error(
            at,
            &text,
            format!("{}; a plugin needs its version", unknown_step(drafts, id)),
        );
        return;
    };
    if let (Some(here), Some(there)) = (drafts[i].gives(), drafts[other].gives())
        && here != there
    {
        let message = format!(
            "`{id}` gives {}, but `{}` gives {}",
            noun(there),
            drafts[i].step.id,
            noun(here)
        );
        report.error(at, &text, message);
    }
}

/// What must be done before step `i`: its source and the step it falls back to.
fn needs(drafts: &[Draft<'_>], sources: &[Option<Source>], i: usize) -> Vec<usize> {
    let mut needs = Vec::new();
    if let Some(Source::Step(from)) = sources[i] {
        needs.push(from);
    }
    if let (Some(FallbackUse::Step(id)), OnFailure::Fallback(_)) =
        (&drafts[i].fallback, &drafts[i].step.on_failure)
    {
        needs.extend(find(drafts, id));
    }
    needs
}

/// Reports each cycle once, at the step of it that stands first in the file.
fn cycles(drafts: &[Draft<'_>], sources: &[Option<Source>], report: &mut Report) {
    let mut reported = vec![false; drafts.len()];
    for start in 0..drafts.len() {
        if reported[start] {
            continue;
        }
        let Some(path) = path_back(drafts, sources, start) else {
            continue;
        };
        for &i in &path {
            reported[i] = true;
        }
        let names: Vec<&str> = path
            .iter()
            .chain([&start])
            .map(|&i| drafts[i].step.id.as_str())
            .collect();
        let (at, text) = drafts[start].place("from");
        report.error(
            at,
            &text,
            format!("steps wait for each other in a circle: {}", names.join(" <- ")),
        );
    }
}

/// The steps from `start` back to itself along what each needs; at most 100 steps, so a plain search will do.
fn path_back(drafts: &[Draft<'_>], sources: &[Option<Source>], start: usize) -> Option<Vec<usize>> {
    let mut reached_by = vec![None; drafts.len()];
    let mut stack = vec![start];
    while let Some(at) = stack.pop() {
        for next in needs(drafts, sources, at) {
            if next == start {
                let mut path = vec![at];
                while let Some(before) = reached_by[path[path.len() - 1]] {
                    path.push(before);
                }
                path.reverse();
                return Some(path);
            }
            if reached_by[next].is_none() {
                reached_by[next] = Some(at);
                stack.push(next);
            }
        }
    }
    None
}

fn mismatch(drafts: &[Draft<'_>], i: usize, source: Source, report: &mut Report) {
    let Some((takes, _)) = drafts[i].flow else { return };
    let (gives, from) = match source {
        Source::Original => (Flow::Bytes, "the original".to_owned()),
        Source::Step(from) => {
            let Some(gives) = drafts[from].gives() else { return };
            (gives, format!("`{}`", drafts[from].step.id))
        }
    };
    // An encoder's bytes are no original: a decoder would have to trust them.
    let reencoded = takes == Flow::Bytes && source != Source::Original;
    if gives == takes && !reencoded {
        return;
    }
    let hint = match (takes, source) {
        (Flow::Bytes, _) => "; write `from: original`".to_owned(),
        (_, Source::Original) => "; put `- { id: photo, uses: decode }` above it".to_owned(),
        _ => (0..i)
            .rev()
            .find(|&n| drafts[n].gives() == Some(takes))
            .map(|n| format!("; write `from: {}`", drafts[n].step.id))
            .unwrap_or_default(),
    };
    let (at, text) = drafts[i].place(if drafts[i].step.from.is_some() {
        "from"
    } else {
        "uses"
    });
    let needed = if reencoded {
        "the original's bytes"
    } else {
        noun(takes)
    };
    let message = format!(
        "`{}` takes {needed}, but {from} gives {}{hint}",
        drafts[i].step.id,
        noun(gives)
    );
    report.error(at, &text, message);
}

pub(super) fn noun(flow: Flow) -> &'static str {
    match flow {
        Flow::Bytes => "bytes",
        Flow::Frame => "a frame",
        Flow::Json => "JSON",
    }
}

/// Warns of steps whose result goes nowhere.
pub(super) fn unused(
    drafts: &[Draft<'_>],
    sources: &[Option<Source>],
    renditions: &[Option<RenditionDraft>],
    report: &mut Report,
) {
    // Where a source is unknown, so is who uses what.
    if sources.iter().any(Option::is_none) || renditions.iter().any(Option::is_none) {
        return;
    }
    for (i, draft) in drafts.iter().enumerate() {
        let needed = (0..drafts.len()).any(|n| n != i && needs(drafts, sources, n).contains(&i));
        let published = renditions.iter().flatten().any(|r| r.from == i);
        if !needed && !published && !draft.may_analyze() {
            let (at, text) = draft.place("id");
            report.warn(
                at,
                &text,
                format!("nothing uses the result of `{text}`; no rendition and no step names it"),
            );
        }
    }
}
