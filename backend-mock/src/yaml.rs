//! YAML in and out, with this house's errors.

use hibernaculum_core::{ConfigError, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads `what` from a text.
pub(crate) fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Error> {
    serde_saphyr::from_str(text).map_err(|error| {
        let rule = format!("cannot be read ({error})");
        ConfigError::Invalid { field: what.to_owned(), value: "the YAML text".to_owned(), rule }.into()
    })
}

/// Writes data that this crate made: all of it has a YAML form.
pub(crate) fn write(data: &impl Serialize) -> String {
    serde_saphyr::to_string(data).unwrap_or_else(|error| format!("# it could not be written: {error}\n"))
}
