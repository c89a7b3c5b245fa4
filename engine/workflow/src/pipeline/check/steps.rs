//! Reads the steps: id, limits, breaker and what happens on failure; `uses` and `with` by their own modules.

use serde_json::Value as Json;

use super::{
    super::{
        Breaker, Bytes, Duration, OnFailure, PluginCatalog, PluginInfo, Step, StepLimits,
        node::{Node, Span, Value},
    },
    fields::Fields,
    report::{Report, clip},
    top::read_name,
    uses,
};
use crate::{limits::MAX_PLUGIN_MEMORY, op::Op, pipeline::PluginKind, plan::Flow};

pub(super) const KEYS: &[&str] = &["id", "uses", "from", "with", "limits", "breaker", "on_failure"];
pub(super) const LIMIT_KEYS: &[&str] = &["fuel_base", "fuel_per_pixel", "memory", "timeout"];
pub(super) const BREAKER_KEYS: &[&str] = &["failure_rate", "window", "min_failures", "cooldown"];
/// The name by which `from` means the submitted file.
pub(super) const ORIGINAL: &str = "original";

/// A step as far as it could be read, with its place in the file.
pub(crate) struct Draft<'n> {
    pub(crate) step: Step,
    /// None when `uses` or `with` has errors.
    pub(crate) used: Option<Used>,
    /// The kind of thing that `uses` names, known also when `with` has errors.
    pub(super) flow: Option<(Flow, Flow)>,
    pub(super) node: &'n Node,
    pub(crate) fallback: Option<FallbackUse>,
}

/// What a step runs, checked.
pub(crate) enum Used {
    Builtin(Op),
    Plugin { info: Box<PluginInfo>, params: Json },
}

/// What `fallback:` names.
pub(crate) enum FallbackUse {
    Plugin { info: Box<PluginInfo>, params: Json },
    Step(String),
}

impl Draft<'_> {
    /// Where to point for a problem of the whole step.
    pub(super) fn place(&self, key: &str) -> (Span, String) {
        let field = self
            .node
            .get(key)
            .or_else(|| self.node.get("id"))
            .map(|(_, node)| node);
        field.map_or((self.node.at, String::new()), |node| (node.at, node.text()))
    }

    pub(super) fn takes(&self) -> Option<Flow> {
        self.flow.map(|(takes, _)| takes)
    }

    pub(super) fn gives(&self) -> Option<Flow> {
        self.flow.map(|(_, gives)| gives)
    }

    /// Whether the step gives JSON, or might once its errors are mended.
    pub(super) fn may_analyze(&self) -> bool {
        self.gives().is_none_or(|flow| flow == Flow::Json)
    }
}

pub(super) fn read<'n>(
    nodes: &'n [Node],
    plugins: &dyn PluginCatalog,
    report: &mut Report,
) -> Vec<Draft<'n>> {
    let mut drafts: Vec<Draft<'n>> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let draft = read_step(node, plugins, report);
        if let Some(first) = drafts
            .iter()
            .find(|d| !d.step.id.is_empty() && d.step.id == draft.step.id)
        {
            let (at, text) = draft.place("id");
            let line = first.place("id").0.line;
            report.error(
                at,
                &text,
                format!("duplicate step id `{text}`; it stands already at line {line}"),
            );
        }
        drafts.push(draft);
    }
    drafts
}

fn read_step<'n>(node: &'n Node, plugins: &dyn PluginCatalog, report: &mut Report) -> Draft<'n> {
    let mut draft = Draft {
        step: Step {
            id: String::new(),
            uses: String::new(),
            from: None,
            with: serde_json::Map::new(),
            limits: StepLimits::default(),
            breaker: Breaker::default(),
            on_failure: OnFailure::Fail,
        },
        used: None,
        flow: None,
        node,
        fallback: None,
    };
    let Some(fields) = Fields::of(node, "a step", KEYS, report) else {
        return draft;
    };
    if let Some(node) = fields.require("id", "a step", "photo", report) {
        draft.step.id = read_name("id", node, 64, true, report).unwrap_or_default();
        if draft.step.id == ORIGINAL {
            report.wrong(
                node,
                "`original` is what `from` calls the submitted file; choose another id",
            );
        }
    }
    draft.step.from = fields.get("from").and_then(|n| report.text("from", n));
    if let Some(Json::Object(with)) = fields.get("with").map(Node::to_json) {
        draft.step.with = with;
    }
    if let Some(node) = fields.require("uses", "a step", "resize", report)
        && let Some(text) = report.text("uses", node)
        && let Some(named) = uses::resolve(&text, node, plugins, report)
    {
        draft.step.uses = text;
        draft.flow = Some(named.flow());
        draft.used = named.with(fields, report);
        plugin_keys(fields, draft.flow.is_some() && named.is_builtin(), report);
    }
    draft.step.limits = fields
        .get("limits")
        .and_then(|n| read_limits(n, report))
        .unwrap_or_default();
    draft.step.breaker = fields
        .get("breaker")
        .and_then(|n| read_breaker(n, report))
        .unwrap_or_default();
    if let Some(node) = fields.get("on_failure") {
        on_failure(&mut draft, node, plugins, report);
    }
    draft
}

/// Keys that only a plugin's step may have.
fn plugin_keys(fields: Fields<'_>, builtin: bool, report: &mut Report) {
    for key in ["limits", "breaker"].iter().filter(|_| builtin) {
        if let Some(key) = fields.key(key) {
            let message = format!("`{}` is for plugins; a built-in has none", key.text);
            report.error(key.at, &key.text, message);
        }
    }
}

fn read_limits(node: &Node, report: &mut Report) -> Option<StepLimits> {
    const FUEL: u64 = 1_000_000_000_000;
    let fields = Fields::of(node, "`limits`", LIMIT_KEYS, report)?;
    let memory: Option<Bytes> = fields
        .get("memory")
        .and_then(|n| report.unit("memory", n, Some(Bytes(4 << 30))));
    if let (Some(memory), Some(node)) = (memory, fields.get("memory"))
        && memory.0 > MAX_PLUGIN_MEMORY
    {
        let most = Bytes(MAX_PLUGIN_MEMORY);
        report.warn(
            node.at,
            &node.text(),
            format!("no call of a plugin gets more than {most} of memory, so this means {most}"),
        );
    }
    Some(StepLimits {
        fuel_base: fields
            .get("fuel_base")
            .and_then(|n| report.whole("fuel_base", n, 1..=FUEL)),
        fuel_per_pixel: fields
            .get("fuel_per_pixel")
            .and_then(|n| report.whole("fuel_per_pixel", n, 1..=1_000_000)),
        memory,
        timeout: fields
            .get("timeout")
            .and_then(|n| report.unit("timeout", n, Some(Duration::from_secs(3600)))),
    })
}

fn read_breaker(node: &Node, report: &mut Report) -> Option<Breaker> {
    let default = Breaker::default();
    let fields = Fields::of(node, "`breaker`", BREAKER_KEYS, report)?;
    let failure_rate = fields
        .get("failure_rate")
        .and_then(|n| report.unit("failure_rate", n, None));
    let window = fields
        .get("window")
        .and_then(|n| report.whole("window", n, 1..=10_000))
        .map(|n| n as u32);
    let least = fields
        .get("min_failures")
        .and_then(|n| report.whole("min_failures", n, 1..=10_000))
        .map(|n| n as u32);
    let cooldown = fields
        .get("cooldown")
        .and_then(|n| report.unit("cooldown", n, Some(Duration::from_secs(900))));
    let window = window.unwrap_or(default.window);
    if let (Some(least), Some(node)) = (least, fields.get("min_failures"))
        && least > window
    {
        report.wrong(
            node,
            format!("`min_failures` is more than `window` ({window}), so the breaker never opens"),
        );
    }
    Some(Breaker {
        failure_rate: failure_rate.unwrap_or(default.failure_rate),
        window,
        min_failures: least.unwrap_or_else(|| default.min_failures.min(window)),
        cooldown: cooldown.unwrap_or(default.cooldown),
    })
}

fn on_failure(draft: &mut Draft<'_>, node: &Node, plugins: &dyn PluginCatalog, report: &mut Report) {
    const EXPECTED: &str = "`on_failure` must be `fail`, `skip` or `fallback: <plugin@version or step>`";
    match &node.value {
        Value::Scalar { text, .. } if text == "fail" => {}
        Value::Scalar { text, .. } if text == "skip" => {
            draft.step.on_failure = OnFailure::Skip;
            let (takes, gives) = draft.flow.unwrap_or((Flow::Frame, Flow::Frame));
            if takes != gives && gives != Flow::Json {
                let message = "this step cannot be skipped: what comes in is not what must come out; use `fail` or `fallback:`";
                report.wrong(node, message);
            }
        }
        Value::Map(_) => {
            let Some(target) = Fields::of(node, "`on_failure`", &["fallback"], report)
                .and_then(|f| f.require("fallback", "`on_failure`", "watermark@1.0.0", report))
            else {
                return;
            };
            let Some(text) = report.text("fallback", target) else {
                return;
            };
            draft.step.on_failure = OnFailure::Fallback(text.clone());
            draft.fallback = if text.contains('@') {
                fallback_plugin(draft, &text, target, plugins, report)
            } else {
                Some(FallbackUse::Step(text))
            };
        }
        _ => report.wrong(node, EXPECTED),
    }
}

fn fallback_plugin(
    draft: &Draft<'_>,
    text: &str,
    node: &Node,
    plugins: &dyn PluginCatalog,
    report: &mut Report,
) -> Option<FallbackUse> {
    let named = uses::resolve(text, node, plugins, report)?;
    let info = named.plugin()?.clone();
    if let Some(flow) = draft.flow
        && flow != named.flow()
    {
        let message = format!(
            "`{}` is {} and cannot take the place of `{}`",
            clip(text),
            article(info.kind),
            clip(&draft.step.uses)
        );
        report.wrong(node, message);
        return None;
    }
    // The params are the step's own; problems with them belong to the fallback only where the step itself takes them.
    let mut scratch = Report::new("");
    let fields = Fields { node: draft.node };
    let Some(Used::Plugin { info, params }) = named.with(fields, &mut scratch) else {
        if draft.used.is_some() {
            let why = scratch
                .into_problems()
                .into_iter()
                .next()
                .map(|p| p.message)
                .unwrap_or_default();
            let text = clip(text);
            report.wrong(node, format!("`{text}` does not take the step's `with:`: {why}"));
        }
        return None;
    };
    Some(FallbackUse::Plugin { info, params })
}

pub(super) fn article(kind: PluginKind) -> String {
    let name = kind.name();
    format!("{} {name}", if name.starts_with(['a', 'e']) { "an" } else { "a" })
}
