//! What `uses:` names: a built-in, or the newest plugin version in a range.

use semver::{Version, VersionReq};
use serde_json::Value as Json;

use super::{
    super::{PluginCatalog, PluginInfo, ResolveError, Uses, node::Node},
    fields::Fields,
    report::{Report, clip, nearest, one_of},
    semantics,
    steps::Used,
    with,
};
use crate::{op::Op, plan::Flow, schema::BUILTINS};

pub(super) enum Named {
    Builtin(&'static str),
    Plugin(Box<PluginInfo>),
}

impl Named {
    /// What it takes and gives.
    pub(super) fn flow(&self) -> (Flow, Flow) {
        match self {
            Self::Builtin("decode") => (Flow::Bytes, Flow::Frame),
            Self::Builtin(_) => (Flow::Frame, Flow::Frame),
            Self::Plugin(info) => (info.kind.takes(), info.kind.gives()),
        }
    }

    pub(super) fn is_builtin(&self) -> bool {
        matches!(self, Self::Builtin(_))
    }

    pub(super) fn plugin(&self) -> Option<&PluginInfo> {
        match self {
            Self::Plugin(info) => Some(info),
            Self::Builtin(_) => None,
        }
    }

    /// Checks the step's `with:` against it.
    pub(super) fn with(&self, step: Fields<'_>, report: &mut Report) -> Option<Used> {
        match self {
            Self::Builtin(name) => {
                let params = with::check_builtin(name, step, report)?;
                let op: Op = serde_json::from_value(serde_json::json!({ "op": name, "with": params }))
                    .map_err(|error| {
                        let place = step.get("with").unwrap_or(step.node);
                        let why = error.to_string();
                        report.wrong(place, format!("`with` does not fit `{name}`: {}", clip(&why)));
                    })
                    .ok()?;
                semantics::check(&op, step, report).then_some(Used::Builtin(op))
            }
            Self::Plugin(info) => {
                let params: Json = with::check_plugin(info, step, report)?;
                Some(Used::Plugin {
                    info: info.clone(),
                    params,
                })
            }
        }
    }
}

/// Reads `resize`, `watermark@^1.0` or `watermark@1.2.3`; the message says how to mend it.
pub(super) fn parse(text: &str) -> Result<Uses, String> {
    let Some((name, range)) = text.split_once('@') else {
        return Ok(Uses::Builtin(text.to_owned()));
    };
    if let Ok(version) = range.parse::<Version>() {
        let req = format!("={version}")
            .parse()
            .map_err(|e| format!("`{}` is not a version: {e}", clip(range)))?;
        return Ok(Uses::Plugin {
            name: name.to_owned(),
            req,
        });
    }
    if range.starts_with(|c: char| c.is_ascii_digit()) && range.parse::<VersionReq>().is_ok() {
        let (name, range) = (clip(name), clip(range));
        return Err(format!(
            "`{range}` is neither an exact version nor a range; write `{name}@^{range}` for the newest that is compatible"
        ));
    }
    if let Ok(req) = range.parse() {
        return Ok(Uses::Plugin {
            name: name.to_owned(),
            req,
        });
    }
    let (name, range) = (clip(name), clip(range));
    Err(format!(
        "`{range}` is not a version; write an exact one (`{name}@1.2.3`) or a range (`{name}@^1.2`)"
    ))
}

pub(super) fn resolve(
    text: &str,
    node: &Node,
    plugins: &dyn PluginCatalog,
    report: &mut Report,
) -> Option<Named> {
    match parse(text) {
        Err(message) => report.wrong(node, message),
        Ok(Uses::Builtin(name)) => {
            if let Some(builtin) = BUILTINS.iter().find(|b| **b == name) {
                return Some(Named::Builtin(builtin));
            }
            report.wrong(node, unknown_builtin(&name, plugins));
        }
        Ok(Uses::Plugin { name, req }) => match plugins.resolve(&name, &req) {
            Ok(info) => return Some(Named::Plugin(Box::new(info))),
            Err(error) => report.wrong(node, unresolved(&name, &req, error, plugins)),
        },
    }
    None
}

/// A name without a version that is no built-in.
fn unknown_builtin(name: &str, plugins: &dyn PluginCatalog) -> String {
    if let Some(newest) = newest(name, plugins) {
        return format!("`{name}` is a plugin and needs a version; write `{name}@^{newest}`");
    }
    let names = plugins.names();
    let candidates = BUILTINS.iter().copied().chain(names.iter().map(String::as_str));
    let near = nearest(name, candidates);
    let name = clip(name);
    match near {
        Some(near) if BUILTINS.contains(&near) => {
            format!("there is no step `{name}`; did you mean `{near}`?")
        }
        Some(near) => {
            let version = newest(near, plugins)
                .map(|v| format!("@^{v}"))
                .unwrap_or_default();
            format!("there is no step `{name}`; did you mean the plugin `{near}{version}`?")
        }
        None => format!(
            "there is no step `{name}`; use {}, or a plugin with its version (`name@^1`)",
            one_of(&BUILTINS)
        ),
    }
}

fn unresolved(name: &str, req: &VersionReq, error: ResolveError, plugins: &dyn PluginCatalog) -> String {
    match error {
        ResolveError::NoVersion(versions) if !versions.is_empty() => {
            let shown: Vec<String> = versions.iter().take(5).map(ToString::to_string).collect();
            let more = if versions.len() > 5 { ", …" } else { "" };
            format!(
                "no version of `{name}` is in `{}`; there is {}{more}",
                clip(&req.to_string()),
                shown.join(", ")
            )
        }
        ResolveError::NoVersion(_) => format!("no version of `{name}` may be used"),
        ResolveError::UnknownPlugin if BUILTINS.contains(&name) => {
            format!("`{name}` is a built-in and has no version; write `uses: {name}`")
        }
        ResolveError::UnknownPlugin => {
            let names = plugins.names();
            let near = nearest(name, names.iter().map(String::as_str));
            let name = clip(name);
            match near {
                Some(near) => format!("there is no plugin `{name}`; did you mean `{near}`?"),
                None if names.is_empty() => format!(
                    "there is no plugin `{name}`: no plugins were found; name their folder with `--plugins` or STOPBATH_PLUGINS"
                ),
                None => {
                    let shown: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
                    format!("there is no plugin `{name}`; installed: {}", shown.join(", "))
                }
            }
        }
    }
}

fn newest(name: &str, plugins: &dyn PluginCatalog) -> Option<Version> {
    match plugins.resolve(name, &VersionReq::STAR) {
        Ok(info) => Some(info.version),
        Err(ResolveError::NoVersion(versions)) => versions.into_iter().next(),
        Err(ResolveError::UnknownPlugin) => None,
    }
}
