//! Finds what a pipeline asks for beyond the server's ceilings, where it asks for it.

use std::fmt::Display;

use super::{
    super::{
        Ceilings, Pipeline,
        node::{Node, Value},
    },
    report::Report,
};

pub(super) fn check(root: &Node, pipeline: &Pipeline, ceilings: &Ceilings, report: &mut Report) {
    let input = &pipeline.input;
    let at = |key| find(root, "input").and_then(|node| find(node, key));
    #[rustfmt::skip]
    {
        over(report, "input.max_bytes", at("max_bytes"), input.max_bytes, ceilings.max_bytes, "--max-bytes");
        over(report, "input.max_pixels", at("max_pixels"), input.max_pixels, ceilings.max_pixels, "--max-pixels");
        over(report, "input.max_side", at("max_side"), input.max_side, ceilings.max_side, "--max-side");
        over(report, "input.max_frames", at("max_frames"), input.max_frames, ceilings.max_frames, "--max-frames");
        over(report, "input.max_total_pixels", at("max_total_pixels"), input.max_total_pixels, ceilings.max_total_pixels, "--max-total-pixels");
        over(report, "input.max_cpu", at("max_cpu"), input.max_cpu, ceilings.max_cpu, "--max-cpu");
        over(report, "timeout", find(root, "timeout"), Some(pipeline.timeout), ceilings.timeout, "--max-timeout");
    }
    let Some(Value::Seq(nodes)) = find(root, "steps").map(|node| &node.value) else {
        return;
    };
    for (node, step) in nodes.iter().zip(&pipeline.steps) {
        let at = |key| find(node, "limits").and_then(|node| find(node, key));
        let (memory, timeout) = (step.limits.memory, step.limits.timeout);
        #[rustfmt::skip]
        {
            over(report, "limits.memory", at("memory"), memory, ceilings.plugin_memory, "--max-plugin-memory");
            over(report, "limits.timeout", at("timeout"), timeout, ceilings.plugin_timeout, "--max-plugin-timeout");
        }
    }
}

fn find<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).map(|(_, value)| value)
}

/// Defaults stand at no node; they are lowered, not refused.
fn over<T: PartialOrd + Display>(
    report: &mut Report,
    field: &str,
    node: Option<&Node>,
    asked: Option<T>,
    ceiling: Option<T>,
    option: &str,
) {
    if let (Some(node), Some(asked), Some(ceiling)) = (node, asked, ceiling)
        && asked > ceiling
    {
        let message =
            format!("`{field}` asks for {asked}; this server allows at most {ceiling} (`{option}`)");
        report.wrong(node, message);
    }
}
