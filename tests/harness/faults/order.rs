//! What happens between a request and its answer, as the kernel saw it: an original is written, synced and renamed, its
//! folder is synced, the job is written and synced, and only then is it acknowledged.

use std::path::Path;

use tempfile::TempDir;

use super::PATIENCE;
use crate::ledger::PIPELINE;
use crate::strace::{Order, Strace, database_files, staged};
use crate::{Ledger, Server, Told};

/// Everything that writes, to files and to sockets.
const CALLS: &str =
    "write,pwrite64,writev,sendto,sendmsg,fsync,fdatasync,?rename,?renameat,renameat2,?link,linkat";

const WRITE: &[&str] = &["write(", "pwrite64("];
const SYNC: &[&str] = &["fsync(", "fdatasync("];
const RENAME: &[&str] = &["rename(", "renameat(", "renameat2("];
const ANSWER: &[&str] = &["write(", "writev(", "sendto(", "sendmsg("];
const ACKNOWLEDGED: &str = "HTTP/1.1 202 ";

/// One system call. Those of other threads may lie between its beginning and its end.
struct Call {
    text: String,
    /// Lines of the trace.
    begun: usize,
    ended: usize,
}

pub fn of_one_submission() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let database = folder.path().join("jobs.db");
    let server = Server::of([("torture", PIPELINE)])
        .store(format!("sqlite:{}", database.display()))
        .start();
    let ledger = Ledger::small();
    ledger.take(&server, 2, PATIENCE);
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    let job = ledger.newest();
    let shown = super::job(&server, &job);
    let digest = shown["original"]["digest"].as_str().expect("a digest");

    let order = Order {
        calls: CALLS,
        how: None,
        paths: Vec::new(),
    };
    let strace = Strace::attach(server.pid(), &order, &folder.path().join("trace"));
    let told = ledger.submit_again(&server, &job);
    assert!(matches!(told, Told::Taken(_)), "{told:?}");
    let trace = strace.end();

    let database = database_files(&database);
    let log = database.last().expect("a database has a log");
    let file = staged(&server.blobs(), digest);
    let folder = file.parent().expect("a blob lies in a folder");
    let of = |path: &Path| format!("<{}>", path.display());
    let steps = [
        ("the original is written", WRITE, of(&file)),
        ("the original is synced", SYNC, of(&file)),
        ("the original is renamed", RENAME, file.display().to_string()),
        ("its folder is synced", SYNC, of(folder)),
        ("the job is written", WRITE, of(log)),
        ("the job is synced", SYNC, of(log)),
        ("it is acknowledged", ANSWER, ACKNOWLEDGED.to_owned()),
    ];
    let calls = calls(&trace);
    let mut after = 0;
    for (what, names, on) in &steps {
        let found = calls
            .iter()
            .find(|call| call.begun >= after && call.is(names, on));
        let found = found.unwrap_or_else(|| panic!("not, or not in its turn: {what}\n{trace}"));
        after = found.ended + 1;
    }
    let acknowledged = calls.iter().filter(|call| call.is(ANSWER, ACKNOWLEDGED));
    assert_eq!(acknowledged.count(), 1, "acknowledged before its turn\n{trace}");
}

impl Call {
    /// One of these, on that.
    fn is(&self, names: &[&str], on: &str) -> bool {
        names.iter().any(|name| self.text.starts_with(name)) && self.text.contains(on)
    }
}

/// In the order of their beginnings. Each line begins with the number of its thread.
fn calls(trace: &str) -> Vec<Call> {
    const CUT: &str = " <unfinished ...>";
    let mut calls: Vec<(&str, Call)> = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        if text.starts_with("<... ") {
            let cut = calls.iter_mut().rev().find(|(of, _)| *of == thread);
            if let Some((_, call)) = cut {
                call.text.push_str(text);
                call.ended = at;
            }
            continue;
        }
        let (text, ended) = match text.strip_suffix(CUT) {
            Some(text) => (text, usize::MAX - 1),
            None => (text, at),
        };
        let text = text.to_owned();
        let begun = at;
        calls.push((thread, Call { text, begun, ended }));
    }
    calls.into_iter().map(|(_, call)| call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_end_where_they_are_resumed() {
        let calls = calls(
            "7 fsync(3</a> <unfinished ...>\n8  write(4</b>, \"x\", 1) = 1\n7 <... fsync resumed>) = 0\n",
        );
        let found: Vec<_> = calls.iter().map(|call| (call.begun, call.ended)).collect();
        assert_eq!(found, [(0, 2), (1, 1)]);
        assert!(calls[0].text.starts_with("fsync(3</a>"));
    }
}
