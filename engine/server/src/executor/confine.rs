//! The walls around an executor, put up by itself before it reads its first request.
//!
//! A memory limit, no core dumps, no new privileges, death with the server, and a seccomp
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
    let me = u64::from(std::process::id());
    // The own process may be aborted and asked for its limits; no other.
    rules.insert(libc::SYS_tgkill, others(&[me])?);
    rules.insert(libc::SYS_prlimit64, others(&[0, me])?);
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

/// Refused where the first argument is none of these processes.
fn others(mine: &[u64]) -> Result<Vec<SeccompRule>> {
    let conditions = mine
        .iter()
        .map(|pid| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, *pid))
        .collect::<Result<_, _>>()?;
    Ok(vec![SeccompRule::new(conditions)?])
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
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_process_madvise,
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
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
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    libc::SYS_openat2,
    libc::SYS_renameat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
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
