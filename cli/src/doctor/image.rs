//! The image that sandboxes of the Docker backend would be made of.

use hibernaculum::Error;

use super::check::{Check, Group};
use crate::place::BackendArgs;

/// What makes one.
const MEND: &str = "hib image build";

/// Checks it, where an engine answers.
pub(super) async fn check(backend: &BackendArgs) -> Check {
    match backend.image().await {
        Ok(image) => {
            Check::ok(Group::Docker, "image", format!("sandboxes are made of {image}")).with("image", image)
        }
        Err(error) => Check::limited(Group::Docker, "image", why(&error), MEND).with("error", error.code()),
    }
}

fn why(error: &Error) -> String {
    let told = error.explain();
    format!("{}: {}", told.what, told.why)
}
