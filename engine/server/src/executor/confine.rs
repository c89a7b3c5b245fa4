//! The walls around an executor, put up by itself before it reads its first request.
//!
//! Memory and file-size limits, no core dumps, no new privileges, death with the server, and a seccomp
//! filter: no sockets, no programs, no signals to others, no file opened for writing. Nothing here needs
//! root. `RLIMIT_DATA` rather than `RLIMIT_AS` bounds memory: see decision 0003.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// `memory` is in bytes of private writable memory. A compiling executor may write to the AOT cache.
pub(crate) fn confine(memory: u64, may_write: bool) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("set the parent-death signal")?;
    limit(Resource::Core, 0)?;
    limit(Resource::Data, memory)?;
    rustix::thread::set_no_new_privs(true).context("set no_new_privs")?;
    seccompiler::apply_filter_all_threads(&filter(may_write)?).context("apply the seccomp filter")?;
    Ok(())
}

fn limit(resource: Resource, value: u64) -> Result<()> {
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    setrlimit(resource, limit).with_context(|| format!("set the limit {resource:?}"))
}

/// Refused calls answer EPERM, so that a library which only tries goes on without.
fn filter(may_write: bool) -> Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    if !may_write {
        rules.extend(CHANGES_FILES.iter().map(|call| (*call, Vec::new())));
        rules.insert(libc::SYS_openat, writing_flags()?);
    }
    let arch = std::env::consts::ARCH
        .try_into()
        .context("seccomp on this architecture")?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(1), arch)?;
    Ok(filter.try_into()?)
}

/// One rule for each flag with which `openat` may change something.
fn writing_flags() -> Result<Vec<SeccompRule>> {
    const WRITE_ONLY: u64 = 0o1;
    const READ_WRITE: u64 = 0o2;
    const CREATE: u64 = 0o100;
    const TRUNCATE: u64 = 0o1000;
    [WRITE_ONLY, READ_WRITE, CREATE, TRUNCATE]
        .iter()
        .map(|flag| {
            let set =
                SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(*flag), *flag)?;
            Ok(SeccompRule::new(vec![set])?)
        })
        .collect()
}

const REFUSED: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
    libc::SYS_mount,
    libc::SYS_bpf,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
];

const CHANGES_FILES: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    libc::SYS_openat2,
    libc::SYS_truncate,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    libc::SYS_symlinkat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_mknodat,
];
