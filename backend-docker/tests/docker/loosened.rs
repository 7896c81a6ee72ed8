//! Loosening is said field by field, and loosens that field.

use hibernaculum_backend_docker::{Hardening, Seccomp};
use hibernaculum_core::{NetworkPolicy, Sandbox, SandboxSpec};

use crate::closed::CALLS;
use crate::scene::{builder, refused, value};

crate::tests![
    each_field_loosens_what_it_says_and_nothing_else,
    another_list_of_system_calls_allows_what_it_says,
    a_list_that_is_none_is_told,
    no_network_needs_the_strict_list,
];

const LOOK: &str = "
import os
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
def writable(path):
    try: open(path, 'w').close(); return True
    except OSError: return False
[writable('/var/tmp/x'), int(status['CapBnd'], 16), status['NoNewPrivs'].strip() == '1', status['Seccomp'].strip() == '2', os.getuid()]";

async fn look(hardening: Hardening) -> String {
    let backend = builder().hardening(hardening).build().await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let seen = value(&session, LOOK).await;
    sandbox.close().await.unwrap();
    seen
}

async fn each_field_loosens_what_it_says_and_nothing_else() {
    let strict = Hardening { user: Some("4321:4321".to_owned()), ..Hardening::default() };
    assert_eq!(look(strict.clone()).await, "[False, 0, True, True, 4321]");
    assert_eq!(
        look(Hardening { writable_root: true, ..strict.clone() }).await,
        "[True, 0, True, True, 4321]"
    );
    let raw = Hardening { capabilities: vec!["NET_RAW".to_owned()], ..strict.clone() };
    assert_eq!(look(raw).await, "[False, 8192, True, True, 4321]");
    assert_eq!(
        look(Hardening { new_privileges: true, ..strict.clone() }).await,
        "[False, 0, False, True, 4321]"
    );
    assert_eq!(
        look(Hardening { seccomp: Seccomp::Unconfined, ..strict }).await,
        "[False, 0, True, False, 4321]"
    );
}

/// All calls but two, of which the second fails with a number of its own.
const PROFILE: &str = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
    {"names": ["add_key"], "action": "SCMP_ACT_ERRNO"},
    {"names": ["keyctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}
]}"#;

async fn another_list_of_system_calls_allows_what_it_says() {
    // io_uring_setup, keyctl (the id of its own keyring), add_key, getpid: by the numbers of x86-64.
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let code = format!("{CALLS}[call(425, 1, 0), call(250, 0, -3, 1), call(248, 0, 0, 0, 0, 0), call(39)]");
    let said = async |seccomp: Seccomp| {
        let backend =
            builder().hardening(Hardening { seccomp, ..Hardening::default() }).build().await.unwrap();
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
        let said = value(&sandbox.session().await.unwrap(), &code).await;
        sandbox.close().await.unwrap();
        said
    };
    assert_eq!(said(Seccomp::Strict).await, "['EPERM', 'EPERM', 'EPERM', 'done']");
    let engines = said(Seccomp::Engine).await;
    // Newer engines have taken io_uring off theirs.
    assert!(engines.ends_with(", 'EPERM', 'EPERM', 'done']"), "{engines}");
    let own = said(Seccomp::Profile(PROFILE.to_owned())).await;
    assert!(own.ends_with(", 'ENOTSUP', 'EPERM', 'done']") && !own.starts_with("['EPERM'"), "{own}");
}

async fn a_list_that_is_none_is_told() {
    let hardening = Hardening { seccomp: Seccomp::Profile("no list".to_owned()), ..Hardening::default() };
    let backend = builder().hardening(hardening).build().await.unwrap();
    let error = refused(Sandbox::create(&backend, SandboxSpec::default()).await.map(drop));
    assert_eq!(error.code(), "sandbox.start");
    assert!(error.to_string().contains("seccomp"), "{error}");
}

async fn no_network_needs_the_strict_list() {
    let hardening = Hardening { seccomp: Seccomp::Engine, ..Hardening::default() };
    let backend = builder().hardening(hardening).build().await.unwrap();
    let spec = SandboxSpec::builder().network(NetworkPolicy::None).build().unwrap();
    let error = refused(Sandbox::create(&backend, spec).await.map(drop));
    assert_eq!(error.code(), "unsupported");
    assert!(error.explain().how.contains("loopback"), "{}", error.explain());
}
