//! What the tests share: a session on a scripted backend.

use hibernaculum_backend_mock::{Account, Script, ScriptedBackend, ScriptedProvider};
use hibernaculum_core::{Sandbox, SandboxSpec, Session};

/// A scripted backend, a sandbox and a session of it.
pub(crate) struct Scene {
    pub(crate) account: Account,
    pub(crate) sandbox: Sandbox,
    pub(crate) session: Session,
    backend: ScriptedBackend,
}

pub(crate) async fn scene(script: Script) -> Scene {
    let provider = ScriptedProvider::new(script);
    let account = Account::of(&provider);
    let backend = ScriptedBackend::over(provider).unwrap();
    let sandbox = Sandbox::create(&backend.backend(), SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    Scene { account, sandbox, session, backend }
}

impl Scene {
    /// Closes everything, and gives what the script complains of.
    pub(crate) async fn complaints(self) -> Vec<String> {
        self.session.close().await.unwrap();
        self.sandbox.close().await.unwrap();
        self.backend.waive();
        self.account.waive();
        self.account.complaints().await
    }
}
