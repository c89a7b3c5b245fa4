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
    let (asked, most) = (&pipeline.input, ceilings);
    let mut input = Section::new(find(root, "input"), "input.", "--", report);
    input.over("max_bytes", asked.max_bytes, most.max_bytes);
    input.over("max_pixels", asked.max_pixels, most.max_pixels);
    input.over("max_side", asked.max_side, most.max_side);
    input.over("max_frames", asked.max_frames, most.max_frames);
    input.over("max_total_pixels", asked.max_total_pixels, most.max_total_pixels);
    input.over("max_cpu", asked.max_cpu, most.max_cpu);
    Section::new(Some(root), "", "--max-", report).over("timeout", Some(pipeline.timeout), most.timeout);
    let Some(Value::Seq(nodes)) = find(root, "steps").map(|node| &node.value) else {
        return;
    };
    for (node, step) in nodes.iter().zip(&pipeline.steps) {
        let mut limits = Section::new(find(node, "limits"), "limits.", "--max-plugin-", report);
        limits.over("memory", step.limits.memory, most.plugin_memory);
        limits.over("timeout", step.limits.timeout, most.plugin_timeout);
    }
}

/// A mapping of the file; fields and options are named after its keys.
struct Section<'a> {
    node: Option<&'a Node>,
    field: &'static str,
    option: &'static str,
    report: &'a mut Report,
}

impl<'a> Section<'a> {
    fn new(
        node: Option<&'a Node>,
        field: &'static str,
        option: &'static str,
        report: &'a mut Report,
    ) -> Self {
        Self {
            node,
            field,
            option,
            report,
        }
    }

    /// Defaults stand at no node; they are lowered, not refused.
    fn over<T: PartialOrd + Display>(&mut self, key: &str, asked: Option<T>, most: Option<T>) {
        if let (Some(node), Some(asked), Some(most)) =
            (self.node.and_then(|node| find(node, key)), asked, most)
            && asked > most
        {
            let (field, option) = (self.field, self.option);
            let name = key.replace('_', "-");
            let message = format!(
                "`{field}{key}` asks for {asked}; this server allows at most {most} (`{option}{name}`)"
            );
            self.report.wrong(node, message);
        }
    }
}

fn find<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).map(|(_, value)| value)
}
