//! Which system calls code in a container may make: a list of its own, stricter than the engine's.
//!
//! What is not listed fails with EPERM; calls newer than the list with ENOSYS, which libraries take for an old kernel and go another way. Not on it are,
//! among others: `io_uring` (a second way to the whole kernel), `keyctl`, `bpf`, `perf_event_open`, `userfaultfd`, `ptrace` and its relatives (another process'
//! memory), `mount` and its new relatives, `setns`, `unshare`, `mbind` and its relatives (on which nodes memory lies), `syslog` (the kernel's messages). Of the
//! listed ones these are bound by their arguments:
//!
//! | call | only |
//! |---|---|
//! | `clone` | without a new namespace; `clone3`, whose arguments cannot be seen, is ENOSYS |
//! | `socket` | unix, and IP unless the network policy is `none`: no netlink, packet, vsock, alg |
//! | `ioctl` | not TIOCSTI, which types on a terminal |
//! | `personality` | the ordinary ones |
//!
//! Calls by another architecture's numbers (i386, x32) end the process.

use hibernaculum_core::NetworkPolicy;
use serde_json::{Value, json};

/// Files, directories, and what is known of them.
const FILES: &str = "access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate fchdir fchmod \
    fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents \
    getdents64 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek \
    lsetxattr lstat mkdir mkdirat mknod mknodat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat \
    readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate umask \
    unlink unlinkat utime utimensat utimes vmsplice write writev";
/// Memory.
const MEMORY: &str = "brk cachestat madvise map_shadow_stack membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap mseal msync munlock \
    munlockall munmap pkey_alloc pkey_free pkey_mprotect";
/// Processes and threads, their limits and their users: of this container.
const PROCESSES: &str = "alarm arch_prctl capget capset execve execveat exit exit_group fork futex futex_wait futex_waitv futex_wake futex_requeue get_robust_list \
    getcpu getegid geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid get_thread_area \
    gettid getuid ioprio_get ioprio_set kill pause pidfd_open pidfd_send_signal prctl prlimit64 rseq sched_get_priority_max sched_get_priority_min \
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler \
    sched_yield set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid \
    setreuid setrlimit setsid setuid tgkill times tkill vfork wait4 waitid";
/// Signals, time, waiting, and talking to oneself.
const EVENTS: &str = "clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait \
    epoll_wait_old eventfd eventfd2 gettimeofday nanosleep pipe pipe2 poll ppoll pselect6 restart_syscall rt_sigaction rt_sigpending rt_sigprocmask \
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo select signalfd signalfd4 sigaltstack time timer_create timer_delete \
    timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime";
/// Sockets that are open, System V's and POSIX' messages (in namespaces of the container's own), asynchronous files, and facts about the machine.
const REST: &str = "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto setsockopt shutdown \
    socketpair mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl \
    shmdt shmget io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit getrandom sysinfo uname seccomp landlock_add_rule landlock_create_ruleset \
    landlock_restrict_self name_to_handle_at";

/// Flags of `clone` that make a namespace: time, mount, cgroup, uts, ipc, user, pid, net.
const NAMESPACES: u64 = 0x7e02_0080;
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
const ALLOW: &str = "SCMP_ACT_ALLOW";
const REFUSE: &str = "SCMP_ACT_ERRNO";

/// The profile for a network policy, in the engine's own format.
pub(crate) fn profile(network: &NetworkPolicy) -> String {
    let names: Vec<&str> = [FILES, MEMORY, PROCESSES, EVENTS, REST]
        .iter()
        .flat_map(|group| group.split_ascii_whitespace())
        .collect();
    let families: &[u64] = if *network == NetworkPolicy::None { &[1] } else { &[1, 2, 10] };
    let mut rules = vec![
        json!({"names": names, "action": ALLOW}),
        json!({"names": ["clone"], "action": ALLOW,
               "args": [{"index": 0, "value": NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}),
        json!({"names": ["clone3"], "action": REFUSE, "errnoRet": ENOSYS}),
    ];
    rules.extend(families.iter().map(|family| one_of("socket", 0, *family)));
    // Linux, and the same with addresses that are not shuffled (debuggers), with 32-bit limits; all ones asks which it is.
    rules.extend([0, 0x0004_0000, 0x8, 0xffff_ffff].map(|personality| one_of("personality", 0, personality)));
    rules.extend(ioctls());
    json!({
        "defaultAction": REFUSE,
        "defaultErrnoRet": EPERM,
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": rules,
    })
    .to_string()
}

fn one_of(call: &str, index: u32, value: u64) -> Value {
    json!({"names": [call], "action": ALLOW, "args": [{"index": index, "value": value, "op": "SCMP_CMP_EQ"}]})
}

/// Every request but the one that types on a terminal. The kernel looks at 32 bits of 64, so "differs" is said bit by bit: of rules, one is enough.
fn ioctls() -> impl Iterator<Item = Value> {
    const TIOCSTI: u64 = 0x5412;
    (0..32).map(|bit| {
        let mask = 1_u64 << bit;
        let differs =
            json!({"index": 1, "value": mask, "valueTwo": !TIOCSTI & mask, "op": "SCMP_CMP_MASKED_EQ"});
        json!({"names": ["ioctl"], "action": ALLOW, "args": [differs]})
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(network: &NetworkPolicy) -> Vec<String> {
        let profile: Value = serde_json::from_str(&profile(network)).unwrap();
        let rules = profile["syscalls"].as_array().unwrap().iter().filter(|rule| rule["action"] == ALLOW);
        rules
            .flat_map(|rule| rule["names"].as_array().unwrap().clone())
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn what_opens_a_way_around_the_sandbox_is_not_listed() {
        let allowed = allowed(&NetworkPolicy::Full);
        for call in [
            "io_uring_setup",
            "keyctl",
            "bpf",
            "ptrace",
            "mount",
            "setns",
            "unshare",
            "userfaultfd",
            "clone3",
            "perf_event_open",
            // The engine gives these only with a capability.
            "get_mempolicy",
            "set_mempolicy",
            "mbind",
            "set_mempolicy_home_node",
            "syslog",
        ] {
            assert!(!allowed.iter().any(|name| name == call), "{call}");
        }
        assert!(allowed.iter().any(|name| name == "openat"), "the list is empty");
    }

    #[test]
    fn no_call_stands_twice() {
        let mut names = allowed(&NetworkPolicy::None);
        names.retain(|name| !["socket", "personality", "ioctl"].contains(&name.as_str()));
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn without_a_network_only_unix_sockets_can_be_made() {
        let sockets = |network| allowed(network).iter().filter(|name| *name == "socket").count();
        assert_eq!((sockets(&NetworkPolicy::None), sockets(&NetworkPolicy::Loopback)), (1, 3));
    }
}
