//! What the examples beside this test: an agent that lets a model write code until it works.

use hibernaculum::{Backend, Error, Sandbox, SandboxSpec};
use std::sync::Arc;

/// Asks the model for code, runs it, and tells the model what went wrong; at most five times. The model is a function of what went wrong last.
pub(crate) async fn solve(
    backend: &Arc<dyn Backend>,
    model: impl Fn(&str) -> String,
) -> Result<Option<String>, Error> {
    let sandbox = Sandbox::create(backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    let (mut trouble, mut answer) = (String::new(), None);
    for _ in 0..5 {
        let result = session.execute(model(&trouble)).await?;
        if result.is_completed() {
            answer = result.value().map(|value| value.repr.clone());
            break;
        }
        trouble = result.error().map_or_else(|| result.status().to_string(), |error| error.message.clone());
    }
    session.close().await?;
    sandbox.close().await?;
    Ok(answer)
}

/// A model that learns: it divides by zero, then it looks first.
pub(crate) fn model(trouble: &str) -> String {
    match trouble {
        "" => "total = 7\ntotal / 0".to_owned(),
        "division by zero" => "total / 2".to_owned(),
        other => panic!("the model does not know what to do about {other:?}"),
    }
}
