//! Runs other programs, and says clearly which one failed.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Runs a program; its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("start `{}`", show(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", show(command));
    }
    Ok(())
}

/// Runs a program and returns what it wrote to standard output; its errors go to the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("start `{}`", show(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", show(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("read what `{}` wrote", show(command)))
}

/// Whether a program can be started and says that all is well; it prints nothing.
pub(crate) fn works(program: impl AsRef<OsStr>, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether this process may do everything.
pub(crate) fn as_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Does one phase of a longer command and prints how long it took.
pub(crate) fn phase<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    eprintln!("-- {name}");
    let result = work().with_context(|| format!("{name} failed"));
    let verdict = if result.is_ok() { "done" } else { "failed" };
    eprintln!("-- {name}: {verdict} in {:.1} s", begun.elapsed().as_secs_f32());
    result
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_program_failed() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed (exit status: 3)");
        assert!(
            output(&mut Command::new("no-such-program"))
                .unwrap_err()
                .to_string()
                .contains("no-such-program")
        );
    }

    #[test]
    fn reads_output() {
        assert_eq!(
            output(Command::new("sh").args(["-c", "echo ok"])).unwrap(),
            "ok\n"
        );
        assert!(works("true", &[]) && !works("false", &[]) && !works("no-such-program", &[]));
    }
}
