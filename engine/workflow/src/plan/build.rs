//! Makes the plan of a pipeline that has no errors: order, pins, defaults and the seeds of keys.

use serde_json::Value as Json;

use super::{
    Action, CallLimits, Fallback, Input, OnFailure, Plan, PlannedPlugin, PlannedRendition, PlannedStep,
};
use crate::{
    key,
    limits::MAX_PLUGIN_MEMORY,
    pipeline::{
        self, Ceilings, Pipeline, PluginInfo, StepLimits,
        check::{Draft, FallbackUse, Source, Used},
    },
    plan::Flow,
};

/// None only if the pipeline has errors after all: an unknown step or a circle.
pub(crate) fn build(
    pipeline: &Pipeline,
    drafts: Vec<Draft<'_>>,
    sources: &[Option<Source>],
    ceilings: &Ceilings,
) -> Option<Plan> {
    let ids: Vec<String> = drafts.iter().map(|d| d.step.id.clone()).collect();
    let find = |id: &str| ids.iter().position(|other| other == id);
    let order = order(&drafts, sources, &find)?;
    let mut place = vec![0; drafts.len()];
    for (planned, &written) in order.iter().enumerate() {
        place[written] = planned;
    }
    let mut steps: Vec<Option<PlannedStep>> = drafts.iter().map(|_| None).collect();
    for (i, draft) in drafts.into_iter().enumerate() {
        let input = match sources[i]? {
            Source::Original => Input::Original,
            Source::Step(from) => Input::Step(place[from]),
        };
        steps[place[i]] = Some(plan_step(draft, input, &|id| find(id).map(|i| place[i]))?);
    }
    let steps: Vec<PlannedStep> = steps.into_iter().collect::<Option<_>>()?;
    let last_frame = ids
        .iter()
        .enumerate()
        .rev()
        .find(|(i, _)| steps[place[*i]].action.gives() == Flow::Frame);
    let renditions = pipeline
        .renditions
        .iter()
        .map(|rendition| {
            let written = rendition
                .from
                .as_deref()
                .map_or_else(|| last_frame.map(|(i, _)| i), find)?;
            Some(plan_rendition(rendition, place[written], &steps))
        })
        .collect::<Option<_>>()?;
    let analyses = (0..steps.len())
        .filter(|&i| steps[i].action.gives() == Flow::Json)
        .collect();
    let mut plan = Plan {
        pipeline: pipeline.pipeline.clone(),
        digest: String::new(),
        limits: pipeline.input.limits(),
        input_types: pipeline.input.types.clone(),
        max_cpu_ms: pipeline.input.max_cpu.unwrap_or(pipeline::Input::DEFAULT_CPU).0,
        timeout_ms: pipeline.timeout.0,
        retry: pipeline.retry.clone(),
        steps,
        renditions,
        analyses,
    };
    ceilings.lower(&mut plan);
    plan.digest = key::digest_of(&plan);
    Some(plan)
}

/// Indices of the file's steps, each after what it needs; otherwise as in the file.
fn order(
    drafts: &[Draft<'_>],
    sources: &[Option<Source>],
    find: &dyn Fn(&str) -> Option<usize>,
) -> Option<Vec<usize>> {
    let mut done = vec![false; drafts.len()];
    let mut order = Vec::with_capacity(drafts.len());
    let ready = |i: usize, done: &[bool]| {
        let source = !matches!(sources[i], Some(Source::Step(from)) if !done[from]);
        let fallback = match &drafts[i].fallback {
            Some(FallbackUse::Step(id)) => find(id).is_some_and(|other| done[other]),
            _ => true,
        };
        source && fallback
    };
    while order.len() < drafts.len() {
        let next = (0..drafts.len()).find(|&i| !done[i] && ready(i, &done))?;
        done[next] = true;
        order.push(next);
    }
    Some(order)
}

fn plan_step(draft: Draft<'_>, input: Input, find: &dyn Fn(&str) -> Option<usize>) -> Option<PlannedStep> {
    let limits = draft.step.limits;
    let (action, key_seed) = match draft.used? {
        Used::Builtin(op) => {
            let seed = key::builtin_seed(&op);
            (Action::Builtin(op), seed)
        }
        Used::Plugin { info, params } => {
            let plugin = plan_plugin(*info, params, limits);
            let seed = key::plugin_seed(&plugin);
            (Action::Plugin(plugin), seed)
        }
    };
    let on_failure = match (draft.step.on_failure, draft.fallback) {
        (pipeline::OnFailure::Fail, _) => OnFailure::Fail,
        (pipeline::OnFailure::Skip, _) => OnFailure::Skip,
        (pipeline::OnFailure::Fallback(_), Some(FallbackUse::Step(id))) => {
            OnFailure::Fallback(Fallback::Step(find(&id)?))
        }
        (pipeline::OnFailure::Fallback(_), Some(FallbackUse::Plugin { info, params })) => {
            let plugin = Box::new(plan_plugin(*info, params, limits));
            let key_seed = key::plugin_seed(&plugin);
            OnFailure::Fallback(Fallback::Plugin { plugin, key_seed })
        }
        (pipeline::OnFailure::Fallback(_), None) => return None,
    };
    let breaker = matches!(action, Action::Plugin(_)).then_some(draft.step.breaker);
    Some(PlannedStep {
        id: draft.step.id,
        action,
        input,
        on_failure,
        breaker,
        key_seed,
    })
}

fn plan_plugin(info: PluginInfo, params: Json, limits: StepLimits) -> PlannedPlugin {
    PlannedPlugin {
        name: info.name,
        version: info.version,
        digest: info.digest,
        kind: info.kind,
        params,
        limits: call_limits(limits, info.hints),
        banded: info.banded,
        media_types: info.media_types,
    }
}

/// The pipeline's word goes first; what the plugin wishes for has a ceiling, or it would grant itself anything.
fn call_limits(word: StepLimits, hints: StepLimits) -> CallLimits {
    let (default, most) = (CallLimits::default(), CallLimits::MOST_BY_HINT);
    let choose = |word: Option<u64>, hint: Option<u64>, default: u64, most: u64| {
        word.or(hint.map(|hint| hint.min(most))).unwrap_or(default)
    };
    let bytes = |limits: StepLimits| limits.memory.map(|b| b.0);
    let time = |limits: StepLimits| limits.timeout.map(|d| d.0);
    CallLimits {
        fuel_base: choose(word.fuel_base, hints.fuel_base, default.fuel_base, most.fuel_base),
        fuel_per_pixel: choose(
            word.fuel_per_pixel,
            hints.fuel_per_pixel,
            default.fuel_per_pixel,
            most.fuel_per_pixel,
        ),
        memory: choose(bytes(word), bytes(hints), default.memory, most.memory).min(MAX_PLUGIN_MEMORY),
        timeout_ms: choose(time(word), time(hints), default.timeout_ms, most.timeout_ms),
    }
}

fn plan_rendition(rendition: &pipeline::Rendition, from: usize, steps: &[PlannedStep]) -> PlannedRendition {
    let media_type = match (&rendition.encode, &steps[from].action) {
        (Some(encode), _) => encode.format.media_type(),
        (None, Action::Plugin(plugin)) => plugin
            .media_types
            .first()
            .map_or("application/octet-stream", String::as_str),
        (None, Action::Builtin(_)) => "application/octet-stream",
    };
    PlannedRendition {
        name: rendition.name.clone(),
        from,
        encode: rendition.encode.clone(),
        media_type: media_type.to_owned(),
        key_seed: key::rendition_seed(rendition.encode.as_ref()),
    }
}
