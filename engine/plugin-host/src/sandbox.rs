//! The store of one call: what the guest may use, and what it has used.

mod clock;
mod limiter;
mod wasi;

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use workflow::failure::{Failure, FailureKind};

use crate::limits::Limits;
use clock::{View, Waited};
use limiter::Limiter;
pub(crate) use wasi::add_to_linker;

/// What a guest's stores hold on the host's side.
pub(crate) struct Sandbox {
    wasi: WasiCtx,
    waited: Waited,
    pub(crate) table: ResourceTable,
    pub(crate) limits: Limits,
    pub(crate) limiter: Limiter,
    /// Pixels that the host has made for the guest, in bytes.
    pub(crate) frame_bytes: u64,
    pub(crate) logs: Vec<LogLine>,
    log_bytes: usize,
    pub(crate) emitted: Vec<(String, Value)>,
    emitted_bytes: usize,
    stderr: MemoryOutputPipe,
    /// What the host would not do for the guest, where that did not end the call.
    pub(crate) refused: Option<String>,
    /// Why the host ended the call, where it did.
    pub(crate) verdict: Option<Failure>,
}

/// When a call ends at the latest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    pub(crate) deadline: Instant,
    /// It is the call's own time, not what is left of its job's.
    pub(crate) own: bool,
}

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    pub message: String,
    pub fields: Vec<(String, String)>,
}

impl std::fmt::Display for LogLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.level, self.message)?;
        self.fields
            .iter()
            .try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// A store with every limit set, for an input of so many pixels.
pub(crate) fn store(engine: &Engine, limits: &Limits, fuel: u64, seed: u64, until: Until) -> Store<Sandbox> {
    let stderr = MemoryOutputPipe::new(wasi::STDERR_BYTES);
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles as usize + wasi::HANDLES);
    let sandbox = Sandbox {
        wasi: wasi::context(seed, stderr.clone()),
        waited: Waited::default(),
        table,
        limiter: Limiter::new(limits),
        limits: limits.clone(),
        frame_bytes: 0,
        logs: Vec::new(),
        log_bytes: 0,
        emitted: Vec::new(),
        emitted_bytes: 0,
        stderr,
        refused: None,
        verdict: None,
    };
    let mut store = Store::new(engine, sandbox);
    store.limiter(|sandbox| &mut sandbox.limiter);
    store.set_hostcall_fuel(256 << 20);
    store.set_max_component_handles(limits.handles as usize + wasi::HANDLES);
    // The engine consumes fuel, so setting it cannot fail.
    drop(store.set_fuel(fuel));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |mut store| {
        if Instant::now() < until.deadline {
            return Ok(UpdateDeadline::Continue(1));
        }
        let timeout = store.data().limits.timeout.as_secs_f32();
        let text = if until.own {
            format!("the plugin took longer than {timeout} s; raise `limits.timeout` if it needs more")
        } else {
            "the job's time ran out while the plugin worked; raise `timeout` if it needs more".to_owned()
        };
        Err(store.data_mut().end(FailureKind::Timeout, text))
    });
    store
}

/// What a field of a log line counts besides its text.
const FIELD: usize = 48;

impl Sandbox {
    fn clock(&mut self) -> View<'_> {
        View {
            waited: &self.waited,
            table: &mut self.table,
        }
    }

    /// Ends the call: the error goes up as a trap, the verdict says why.
    pub(crate) fn end(&mut self, kind: FailureKind, message: impl Into<String>) -> wasmtime::Error {
        let failure = Failure::new(kind, message);
        let error = wasmtime::Error::msg(failure.to_string());
        self.verdict.get_or_insert(failure);
        error
    }

    /// Accounts for pixels that are about to be made.
    pub(crate) fn take_frame_bytes(&mut self, bytes: u64) -> wasmtime::Result<()> {
        self.frame_bytes = self.frame_bytes.saturating_add(bytes);
        let limit = self.limits.frame_bytes;
        if self.frame_bytes > limit {
            return Err(self.end(
                FailureKind::HostLimit,
                format!("the plugin asked for more than {limit} bytes of pixels in one call"),
            ));
        }
        Ok(())
    }

    pub(crate) fn log(&mut self, line: LogLine) -> wasmtime::Result<()> {
        // An empty field is not free: it takes room here and in every report.
        let fields = line.fields.iter().map(|(k, v)| FIELD + k.len() + v.len());
        let size = line.message.len() + fields.sum::<usize>();
        self.log_bytes += size;
        let (lines, bytes) = (self.limits.log_lines, self.limits.log_bytes);
        if self.logs.len() >= lines as usize || self.log_bytes > bytes as usize {
            let text = format!("the plugin logged more than {lines} lines or {bytes} bytes in one call");
            return Err(self.end(FailureKind::HostLimit, text));
        }
        self.logs.push(line);
        Ok(())
    }

    /// Accounts for metadata that is about to be read.
    pub(crate) fn take_emit_bytes(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.emitted_bytes = self.emitted_bytes.saturating_add(bytes);
        let limit = self.limits.emit_bytes;
        if self.emitted_bytes > limit as usize {
            let text = format!("the plugin emitted more than {limit} bytes of metadata in one call");
            return Err(self.end(FailureKind::HostLimit, text));
        }
        Ok(())
    }

    /// The last words on standard error, where a Rust guest's panic message is.
    pub(crate) fn last_words(&self) -> Option<String> {
        last_lines(&String::from_utf8_lossy(&self.stderr.contents()))
    }
}

/// The last four lines that say something, none of them longer than a failure's text should be.
fn last_lines(text: &str) -> Option<String> {
    const LONGEST: usize = 500;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with("note:"))
        .collect();
    let tail: Vec<&str> = lines[lines.len().saturating_sub(4)..]
        .iter()
        .map(|line| &line[..line.floor_char_boundary(LONGEST)])
        .collect();
    (!tail.is_empty()).then(|| tail.join(" "))
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn last_words_are_few() {
        let panic = "noise\n\nthread panicked at lib.rs:1:\nno such band\nnote: run with\n";
        assert_eq!(
            last_lines(panic).unwrap(),
            "noise thread panicked at lib.rs:1: no such band"
        );
        let flood = last_lines(&"äöü".repeat(20_000)).unwrap();
        assert!(flood.len() <= 500 && flood.ends_with(['ä', 'ö', 'ü']));
        assert!(
            last_lines(&format!("{}\n", "x".repeat(16_000)).repeat(9))
                .unwrap()
                .len()
                <= 2003
        );
        assert_eq!(last_lines(" \n"), None);
    }
}
