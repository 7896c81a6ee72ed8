//! The service of the backend `daytona`: whether it answers, and takes the key. Asked only where that backend is meant: it is another's machine.

use hibernaculum::{DaytonaBackend, Error};

use super::check::{Check, Group};

/// What shows whether the key is set, without showing it.
const MEND: &str = "export DAYTONA_API_KEY=…   # and DAYTONA_API_URL for a service of your own";

/// Checks it.
pub(super) async fn check() -> Check {
    match ask().await {
        Ok(service) => Check::ok(Group::Session, "daytona", format!("{service} answers, and takes the key"))
            .with("service", service),
        Err(error) => {
            let told = error.explain();
            Check::missing(Group::Session, "daytona", format!("{}: {}", told.what, told.why), MEND)
                .with("error", error.code())
        }
    }
}

async fn ask() -> Result<String, Error> {
    let provider = DaytonaBackend::builder().provider()?;
    provider.check().await?;
    Ok(provider.service().to_owned())
}
