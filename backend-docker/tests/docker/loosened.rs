//! Loosening is said field by field, and loosens that field.

use hibernaculum_backend_docker::{Hardening, Seccomp};
use hibernaculum_core::{NetworkPolicy, Sandbox, SandboxSpec};

use crate::scene::{builder, refused, value};

crate::tests![each_field_loosens_what_it_says_and_nothing_else, no_network_needs_the_strict_list];

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

async fn no_network_needs_the_strict_list() {
    let hardening = Hardening { seccomp: Seccomp::Engine, ..Hardening::default() };
    let backend = builder().hardening(hardening).build().await.unwrap();
    let spec = SandboxSpec::builder().network(NetworkPolicy::None).build().unwrap();
    let error = refused(Sandbox::create(&backend, spec).await.map(drop));
    assert_eq!(error.code(), "unsupported");
    assert!(error.explain().how.contains("loopback"), "{}", error.explain());
}
