//! What the service says of a sandbox that does not answer.

use crate::api::Api;

/// Why it cannot answer; nothing where it should, or the service cannot be asked.
pub(crate) async fn of_sandbox(api: &Api, which: &str) -> Option<String> {
    match api.sandbox(which).await {
        Ok(sandbox) if sandbox.state.is_at_rest() => Some(format!(
            "the service has put it to rest (`{}`): its files are kept there, its processes are not",
            sandbox.state.name()
        )),
        Ok(sandbox) if sandbox.state.has_failed() => {
            let reason = match sandbox.error_reason.as_str() {
                "" => String::new(),
                reason => format!(": {reason}"),
            };
            Some(format!("the service says that it is `{}`{reason}", sandbox.state.name()))
        }
        Err(error) if error.is_gone() => Some("the service knows it no more".to_owned()),
        Ok(_) | Err(_) => None,
    }
}
