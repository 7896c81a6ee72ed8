//! What the service says of a sandbox that does not answer.
//!
//! No word of an end is believed that is not said twice: what is read may be what was, and who answers may be somebody on the way.

use std::time::Duration;

use hibernaculum_engine::Fate;
use tokio::time::sleep;

use crate::api::{Api, Command, State};
use crate::entry::Process;

/// How long is waited until an end is asked about again.
const SECOND_LOOK: Duration = Duration::from_millis(200);
/// How often the second look is tried: a service that cannot be asked just then has said nothing else.
const SECOND_LOOKS: u32 = 3;
/// How long is waited between two inquiries where the answer is waited for.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why it cannot answer; unknown where it should, or the service cannot be asked. One that stands still (`paused`) is woken: all that runs in it goes on.
pub(crate) async fn of_sandbox(api: &Api, which: &str) -> Fate {
    if matches!(look(api, which).await, None | Some(Fate::Unknown)) {
        return Fate::Unknown;
    }
    for _ in 0..SECOND_LOOKS {
        sleep(SECOND_LOOK).await;
        if let Some(fate) = look(api, which).await {
            return fate;
        }
    }
    Fate::Unknown
}

/// What the service says, where it can be asked.
async fn look(api: &Api, which: &str) -> Option<Fate> {
    let fate = match api.sandbox(which).await {
        // On its way there it takes no order: whoever asks again finds it paused.
        Ok(sandbox) if sandbox.state == State::Pausing => Fate::Unknown,
        Ok(sandbox) if sandbox.state == State::Paused => {
            if let Err(error) = api.start(which).await {
                tracing::debug!(%error, which, "a paused sandbox could not be woken");
            }
            Fate::Unknown
        }
        Ok(sandbox) if sandbox.state.is_at_rest() => Fate::Stopped(format!(
            "the service has put it to rest (`{}`): its files are kept there, its processes are not",
            sandbox.state.name()
        )),
        Ok(sandbox) if sandbox.state.has_failed() => {
            let reason = match sandbox.error_reason.as_str() {
                "" => String::new(),
                reason => format!(": {reason}"),
            };
            Fate::Gone(format!("the service says that it is `{}`{reason}", sandbox.state.name()))
        }
        Err(error) if error.is_disowned() => Fate::Gone("the service knows it no more".to_owned()),
        Ok(_) => Fate::Unknown,
        Err(_) => return None,
    };
    Some(fate)
}

/// The service, the sandbox and the runner's process: whichever says why nobody answers.
pub(crate) async fn of_runner(api: &Api, sandbox: &str, process: &Process) -> Fate {
    let fate = of_sandbox(api, sandbox).await;
    if fate != Fate::Unknown {
        return fate;
    }
    match process.toolbox.impatient().command(&process.session, &process.command).await {
        Ok(Command { exit_code: Some(exit), .. }) => {
            Fate::Gone(format!("its first process ended with {exit}"))
        }
        Err(error) if error.is_forgotten() => {
            Fate::Stopped("it was started anew: its files are there, its processes are not".to_owned())
        }
        Ok(_) | Err(_) => Fate::Unknown,
    }
}

/// The same, until it is known. There is no end to it otherwise: the caller bounds it in time.
pub(crate) async fn until_known(api: &Api, sandbox: &str, process: &Process) -> Fate {
    let mut pause = FIRST_PAUSE;
    loop {
        match of_runner(api, sandbox, process).await {
            Fate::Unknown => sleep(pause).await,
            known => return known,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Sandbox, Toolbox};
    use crate::scripted::service;

    const STARTED: (u16, &str) = (200, r#"{"id":"a","state":"started"}"#);
    const STOPPED: (u16, &str) = (200, r#"{"id":"a","state":"stopped"}"#);
    const DESTROYED: (u16, &str) = (200, r#"{"id":"a","state":"destroyed"}"#);
    const UNKNOWN: (u16, &str) =
        (404, r#"{"statusCode":404,"error":"Not Found","message":"no such sandbox"}"#);
    const PAGE: (u16, &str) = (404, "<html>\n404 page not found\n</html>");
    const GATEWAY: (u16, &str) = (502, "");

    async fn process(api: &Api) -> Process {
        let told =
            Sandbox { id: "a".to_owned(), toolbox_proxy_url: api.base().to_owned(), ..Sandbox::default() };
        let toolbox = Toolbox::of(api, &told).await.unwrap();
        Process { toolbox, session: "s".to_owned(), command: "c".to_owned() }
    }

    #[tokio::test]
    async fn an_end_is_believed_when_it_is_said_twice_and_by_the_service() {
        for (answers, is_known) in [
            ([STOPPED, STOPPED], true),
            ([UNKNOWN, UNKNOWN], true),
            ([STOPPED, DESTROYED], true),
            ([STOPPED, STARTED], false),
            ([UNKNOWN, STARTED], false),
            ([UNKNOWN, PAGE], false),
            ([PAGE, PAGE], false),
            ([GATEWAY, STOPPED], false),
        ] {
            let fate = of_sandbox(&service(&answers, Duration::ZERO).await, "a").await;
            assert_eq!(fate != Fate::Unknown, is_known, "{answers:?}: {fate:?}");
        }
    }

    #[tokio::test]
    async fn only_the_toolbox_itself_forgets_a_runner() {
        for (answer, is_forgotten) in [
            ((404, r#"{"statusCode":404,"message":"no such command","source":"DAYTONA_DAEMON"}"#), true),
            ((404, r#"{"error":"no such session"}"#), true),
            ((404, r#"{"statusCode":404,"message":"sandbox not found","source":"DAYTONA_PROXY"}"#), false),
            (PAGE, false),
            ((404, ""), false),
        ] {
            let api = service(&[STARTED, answer], Duration::ZERO).await;
            let fate = of_runner(&api, "a", &process(&api).await).await;
            assert_eq!(matches!(fate, Fate::Stopped(_)), is_forgotten, "{answer:?}: {fate:?}");
        }
    }

    #[tokio::test]
    async fn a_page_in_place_of_an_answer_is_asked_for_again() {
        let api = service(&[(200, "<html>one moment</html>"), STARTED], Duration::from_secs(10)).await;
        assert_eq!(api.sandbox("a").await.unwrap().state, State::Started);
    }

    #[tokio::test]
    async fn what_a_gateway_says_once_is_not_the_last_word() {
        let api = service(&[GATEWAY, GATEWAY, STOPPED, STOPPED], Duration::ZERO).await;
        let fate = until_known(&api, "a", &process(&api).await).await;
        assert!(matches!(fate, Fate::Stopped(_)), "{fate:?}");
    }
}
