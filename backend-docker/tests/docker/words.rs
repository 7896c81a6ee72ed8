//! What a container's first process said last, where it ends by itself.

use bollard::models::ContainerConfig;
use hibernaculum_core::{Sandbox, SandboxSpec};

use crate::images::{altered, discard};
use crate::scene::{builder, run, until, within};

crate::tests![what_a_runner_said_last_is_told];

/// Python's every process watches for a file then, and ends with a word.
const DOOMED: &str = r#"
there=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$there"
echo 'import doomed' > "$there/doomed.pth"
cat > "$there/doomed.py" <<'END'
import os, threading, time
def watch():
    while not os.path.exists('/hibernaculum/work/die'): time.sleep(0.02)
    os.write(2, b'a word before the end\n')
    os._exit(3)
threading.Thread(target=watch, daemon=True).start()
END
"#;

async fn what_a_runner_said_last_is_told() {
    let name = altered(DOOMED, ContainerConfig::default()).await;
    let backend = builder().image(&name).build().await.unwrap();
    let sandbox = within(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap();
    let session = sandbox.session().await.unwrap();
    assert_eq!(run(&session, "6 * 7").await.value().unwrap().repr, "42", "the control: it lives");
    sandbox.files().write("die", "").await.unwrap();
    until("the sandbox is lost", || async {
        match session.execute("1").await {
            Err(error) if error.to_string().contains("status 3; it said: a word before the end") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    discard(&name).await;
}
