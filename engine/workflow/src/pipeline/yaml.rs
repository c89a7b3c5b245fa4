//! YAML text to a tree with positions; the only file that knows the YAML library.
//!
//! Built from the parser's events, so that hostile files cost little: size, depth, the number of nodes and the
//! length of all texts (aliases expanded) are capped while reading. Duplicate keys are reported and reading goes on; what the
//! parser itself refuses is the last problem found. See engine/decisions/0001-yaml-library.md.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError};

use super::node::{Key, Node, Span, Value};
use crate::words::clip;

/// Largest file, in bytes.
pub(super) const MAX_BYTES: usize = crate::limits::MAX_PIPELINE as usize;
const MAX_NODES: usize = 20_000;
/// Bytes of all texts, aliases expanded.
const MAX_TEXT: usize = 4 << 20;
const MAX_DEPTH: usize = 32;

/// Something wrong with the YAML itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Span,
    pub(super) text: String,
    pub(super) message: String,
}

/// The document, if its structure could be read, and all that is wrong with it.
pub(super) fn parse(source: &str) -> (Option<Node>, Vec<Fault>) {
    let mut composer = Composer {
        faults: Vec::new(),
        anchors: HashMap::new(),
        open: Vec::new(),
        made: Size::default(),
        anchored: Size::default(),
        root: None,
    };
    if source.len() > MAX_BYTES {
        composer.fault(
            START,
            "",
            "the file is larger than 1 MiB; a pipeline is a few hundred lines",
        );
        return (None, composer.faults);
    }
    match composer.run(source) {
        Ok(()) if composer.root.is_none() => {
            composer.fault(
                START,
                "",
                "the file is empty; a pipeline starts with `pipeline: <name>`",
            );
        }
        Ok(()) => {}
        Err(fault) => {
            composer.faults.push(fault);
            composer.root = None;
        }
    }
    (composer.root, composer.faults)
}

const START: Span = Span { line: 1, column: 1 };

/// What a part of the document costs.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    /// Bytes of its texts.
    text: usize,
}

impl Size {
    fn one(text: usize) -> Self {
        Self { nodes: 1, text }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            nodes: self.nodes + other.nodes,
            text: self.text + other.text,
        }
    }

    fn since(self, start: Self) -> Self {
        Self {
            nodes: self.nodes - start.nodes,
            text: self.text - start.text,
        }
    }

    fn check(self, at: Span) -> Result<(), Fault> {
        let (what, end) = if self.nodes > MAX_NODES {
            (
                format!("more than {MAX_NODES} values"),
                "a pipeline is far smaller",
            )
        } else if self.text > MAX_TEXT {
            (
                format!("more than {} MiB of text", MAX_TEXT >> 20),
                "a pipeline has far less",
            )
        } else {
            return Ok(());
        };
        Err(Fault {
            at,
            text: String::new(),
            message: format!("{what}, aliases counted each time; {end}"),
        })
    }
}

/// A collection whose end has not come yet.
struct Open {
    node: Node,
    anchor: usize,
    /// In a mapping: the key that waits for its value.
    key: Option<Key>,
    /// Where each key first stood.
    seen: HashMap<String, Span>,
    /// What had been made when it began; the difference is its size.
    started: Size,
}

struct Composer {
    faults: Vec<Fault>,
    /// Finished anchored nodes with their sizes.
    anchors: HashMap<usize, (Node, Size)>,
    open: Vec<Open>,
    /// The document so far.
    made: Size,
    /// The copies behind the anchors; anchors within anchors have one each.
    anchored: Size,
    root: Option<Node>,
}

impl Composer {
    fn fault(&mut self, at: Span, text: &str, message: &str) {
        self.faults.push(Fault {
            at,
            text: text.to_owned(),
            message: message.to_owned(),
        });
    }

    fn run(&mut self, source: &str) -> Result<(), Fault> {
        for event in Parser::new_from_str(source) {
            let (event, span) = event.map_err(|error| syntax(&error, source))?;
            let at = Span {
                line: span.start.line() as u32,
                column: span.start.col() as u32 + 1,
            };
            let stop = |text: &str, message: &str| {
                Err(Fault {
                    at,
                    text: text.to_owned(),
                    message: message.to_owned(),
                })
            };
            match event {
                Event::DocumentStart(..) if self.root.is_some() => {
                    return stop("---", "a second document begins here; write one pipeline a file");
                }
                Event::Scalar(_, _, _, Some(_))
                | Event::SequenceStart(_, _, Some(_))
                | Event::MappingStart(_, _, Some(_)) => {
                    return stop("", "YAML tags (`!…`) mean nothing here; leave the tag out");
                }
                Event::Scalar(text, style, anchor, None) => {
                    let plain = style == ScalarStyle::Plain;
                    let size = Size::one(text.len());
                    self.count(size, at)?;
                    let value = Value::Scalar {
                        text: text.into_owned(),
                        plain,
                    };
                    self.finish(Node { at, value }, anchor, size)?;
                }
                Event::SequenceStart(_, anchor, None) => self.begin(at, anchor, Value::Seq(Vec::new()))?,
                Event::MappingStart(_, anchor, None) => self.begin(at, anchor, Value::Map(Vec::new()))?,
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(Open {
                        node,
                        anchor,
                        started,
                        ..
                    }) = self.open.pop()
                    {
                        let size = self.made.since(started);
                        self.finish(node, anchor, size)?;
                    }
                }
                Event::Alias(anchor) => {
                    let Some(size) = self.anchors.get(&anchor).map(|(_, size)| *size) else {
                        return stop("*", "this alias stands inside what it names");
                    };
                    // Before the copy is made.
                    self.count(size, at)?;
                    if let Some((node, _)) = self.anchors.get(&anchor).cloned() {
                        self.finish(node, 0, size)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn count(&mut self, more: Size, at: Span) -> Result<(), Fault> {
        self.made = self.made.plus(more);
        self.made.check(at)
    }

    fn begin(&mut self, at: Span, anchor: usize, value: Value) -> Result<(), Fault> {
        if self.open.len() == MAX_DEPTH {
            return Err(Fault {
                at,
                text: String::new(),
                message: format!("nested deeper than {MAX_DEPTH} levels"),
            });
        }
        let started = self.made;
        self.count(Size::one(0), at)?;
        self.open.push(Open {
            node: Node { at, value },
            anchor,
            key: None,
            seen: HashMap::new(),
            started,
        });
        Ok(())
    }

    /// Puts a whole node where it belongs: into the open collection, or as the document.
    fn finish(&mut self, node: Node, anchor: usize, size: Size) -> Result<(), Fault> {
        if anchor != 0 {
            self.anchored = self.anchored.plus(size);
            self.anchored.check(node.at)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::Seq(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                None => open.key = Some(key(node)?),
                Some(key) => {
                    if let Some(first) = open.seen.get(&key.text) {
                        let message = format!(
                            "duplicate key `{}`; it stands already at line {}, column {}",
                            clip(&key.text),
                            first.line,
                            first.column
                        );
                        self.faults.push(Fault {
                            at: key.at,
                            text: key.text,
                            message,
                        });
                    } else {
                        open.seen.insert(key.text.clone(), key.at);
                        entries.push((key, node));
                    }
                }
            },
            Value::Scalar { .. } => {}
        }
        Ok(())
    }
}

fn key(node: Node) -> Result<Key, Fault> {
    match node.value {
        Value::Scalar { text, plain: true } if text == "<<" => Err(Fault {
            at: node.at,
            text,
            message:
                "merge keys (`<<`) are not read; write the keys out, or use an alias for the whole value"
                    .into(),
        }),
        Value::Scalar { text, .. } => Ok(Key { at: node.at, text }),
        Value::Seq(_) | Value::Map(_) => Err(Fault {
            at: node.at,
            text: String::new(),
            message: "a key must be a plain word".into(),
        }),
    }
}

/// What the parser refuses, with a hint for the mistakes that people make most.
fn syntax(error: &ScanError, source: &str) -> Fault {
    let at = Span {
        line: error.marker().line() as u32,
        column: error.marker().col() as u32 + 1,
    };
    let line = source
        .lines()
        .nth((at.line as usize).saturating_sub(1))
        .unwrap_or_default();
    let info = error.info();
    let indent = &line[..line.len() - line.trim_start().len()];
    let hint = if indent.contains('\t') {
        "; indent with spaces, not tabs"
    } else if info.contains("mapping values are not allowed") {
        "; put a text that contains `: ` in quotes, and check the indentation"
    } else if info.contains("unexpected character: `@'") || info.contains("unexpected character: ``'") {
        "; put the text in quotes"
    } else {
        ""
    };
    let text = line
        .chars()
        .nth((at.column as usize).saturating_sub(1))
        .map(String::from)
        .unwrap_or_default();
    Fault {
        at,
        text,
        message: format!("this is not YAML: {}{hint}", clip(&info)),
    }
}

#[cfg(test)]
mod tests;
