//! The runner's command in the sandbox: begun once, whatever becomes of the answer, and what it printed when it ended.

use std::time::Duration;

use hibernaculum_core::{Error, SandboxId};
use hibernaculum_engine::boot::wait_ready;
use serde::Deserialize;
use tokio::time::sleep;

use crate::api::{Command, Toolbox};
use crate::trouble::{not_started, trouble};

/// How often a command whose begin was not answered is looked for until it is begun again, and how long is waited after each look.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);

/// The runner's first process, as the service knows it.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) toolbox: Toolbox,
    pub(crate) session: String,
    pub(crate) command: String,
}

/// The shell in which a sandbox's runner is begun.
pub(crate) fn shell(sandbox: SandboxId) -> String {
    format!("hibernaculum-{sandbox}")
}

/// Begins a command, once: where no answer comes, it is looked for before it is begun again.
pub(super) async fn begun(toolbox: &Toolbox, session: &str, line: &str) -> Result<Command, Error> {
    const DOING: &str = "starting the runner";
    let known = toolbox.commands(session).await.map_err(|error| trouble(DOING, error))?.len();
    for _ in 0..3 {
        match toolbox.begin(session, line).await {
            Ok(command) if !command.id.is_empty() => return Ok(command),
            Ok(_) => {}
            Err(error) if error.is_unclear() => {
                tracing::debug!(%error, "whether the runner was started is not known");
            }
            Err(error) => return Err(trouble(DOING, error)),
        }
        // It is there a moment after it was begun: one that is begun again too early is begun twice.
        for _ in 0..LOOKS {
            let commands = toolbox.commands(session).await.map_err(|error| trouble(DOING, error))?;
            if let Some(command) = commands.into_iter().nth(known) {
                return Ok(command);
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }
    Err(not_started("the service did not start its command"))
}

/// Why a runner ended as it started, in its own words.
pub(super) async fn last_words(process: &Process, exit: i64) -> Error {
    let log = match process.toolbox.log(&process.session, &process.command).await {
        Ok(log) => printed(&log),
        Err(error) => {
            return not_started(format!("its process ended with {exit}; its output cannot be had: {error}"));
        }
    };
    match wait_ready(&mut log.as_bytes()).await {
        Err(error) => error,
        Ok(_) => not_started(format!("its process ended with {exit} after it had started")),
    }
}

/// What a command printed: newer services tell it as JSON, older ones as text with marks before each stream's parts.
fn printed(log: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Log {
        output: Option<String>,
        stdout: Option<String>,
        stderr: Option<String>,
    }
    let text = String::from_utf8_lossy(log);
    let told = match serde_json::from_str::<Log>(&text) {
        Ok(Log { output, stdout, stderr }) => {
            let streams = [stdout, stderr].into_iter().flatten().collect::<Vec<_>>().join("\n");
            if streams.is_empty() { output.unwrap_or_default() } else { streams }
        }
        Err(_) => text.into_owned(),
    };
    told.replace(['\u{1}', '\u{2}'], "")
}

/// One word of a shell.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Sandbox;
    use crate::scripted::service;

    #[tokio::test]
    async fn a_command_that_is_listed_late_is_not_begun_twice() {
        let none = (200, r#"{"commands":[]}"#);
        let unclear = (502, "");
        // What a second order would be answered.
        let still_none = (200, r#"{"commands":[],"cmdId":"the second"}"#);
        let answers = [none, unclear, none, still_none, (200, r#"{"commands":[{"id":"c"}]}"#)];
        let api = service(&answers, Duration::ZERO).await;
        let sandbox =
            Sandbox { id: "a".to_owned(), toolbox_proxy_url: api.base().to_owned(), ..Sandbox::default() };
        let toolbox = Toolbox::of(&api, &sandbox).await.unwrap();
        assert_eq!(begun(&toolbox, "s", "true").await.unwrap().id, "c");
    }

    #[test]
    fn a_log_is_read_in_every_form() {
        for log in [
            r#"{"output":"hibernaculum-failed {}\n","stdout":"hibernaculum-failed {}\n","stderr":""}"#,
            r#"{"output":"hibernaculum-failed {}\n"}"#,
            "\u{1}\u{1}\u{1}hibernaculum-failed {}\n",
        ] {
            assert_eq!(printed(log.as_bytes()).trim_end(), "hibernaculum-failed {}", "{log}");
        }
    }

    #[test]
    fn a_word_of_a_shell_is_one_word() {
        assert_eq!(quoted("a'b; rm -rf $HOME"), r"'a'\''b; rm -rf $HOME'");
    }
}
