//! Which image sandboxes are made of.
//!
//! ```text
//!  the `image` setting ─▶ HIBERNACULUM_IMAGE ─▶ the one that `hib image build` made last ─▶ an error that names that command
//! ```
//!
//! Whoever names an image means that one. It must be there: creating a sandbox never downloads anything.

use bollard::Docker;
use hibernaculum_core::{Error, SandboxError};

use crate::trouble::{failed, status};

/// What an image that we built is called; the last one has the tag `latest`.
pub(crate) const BUILT: &str = "hibernaculum";

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// As it was named, for people.
    pub(crate) name: String,
    /// `sha256:…`
    pub(crate) id: String,
    /// Directories that it wants to be volumes.
    pub(crate) volumes: Vec<String>,
    /// As whom it runs what it runs by itself; empty: as root.
    pub(crate) user: String,
    /// Where it does that; empty: in `/`.
    pub(crate) workdir: String,
}

/// Finds the image that is meant.
pub(crate) async fn choose(docker: &Docker, setting: Option<&str>) -> Result<Image, Error> {
    let variable = || std::env::var("HIBERNACULUM_IMAGE").ok().filter(|name| !name.is_empty());
    let (name, by) = match (setting, variable()) {
        (Some(name), _) => (name.to_owned(), "the `image` setting"),
        (None, Some(name)) => (name, "HIBERNACULUM_IMAGE"),
        (None, None) => (format!("{BUILT}:latest"), "what `hib image build` makes"),
    };
    let found = find(docker, &name).await?;
    found.ok_or_else(|| {
        let shown: String = name.chars().take(200).flat_map(char::escape_debug).collect();
        SandboxError::NoImage {
            tried: format!("`{shown}` ({by}), which the engine does not have"),
            source: None,
        }
        .into()
    })
}

/// The image of that name, if the engine has it.
pub(crate) async fn find(docker: &Docker, name: &str) -> Result<Option<Image>, Error> {
    // What cannot be a name would be taken for another request.
    let is_name = !name.is_empty()
        && name.len() <= 512
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte))
        && !name.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if !is_name {
        return Ok(None);
    }
    match docker.inspect_image(name).await {
        Ok(found) => {
            let config = found.config.unwrap_or_default();
            Ok(found.id.map(|id| Image {
                name: name.to_owned(),
                id,
                volumes: config.volumes.unwrap_or_default(),
                user: config.user.unwrap_or_default(),
                workdir: config.working_dir.unwrap_or_default(),
            }))
        }
        Err(error) if matches!(status(&error), Some(400 | 404)) => Ok(None),
        Err(error) => Err(failed("the engine does not say which images it has", error)),
    }
}
