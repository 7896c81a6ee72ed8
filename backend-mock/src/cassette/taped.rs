//! A test's own cassette: played, or recorded where it is asked for.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hibernaculum_core::{Backend, ConfigError, Error};

use super::{Cassette, Recorder};

/// The variable that asks for recording.
const VARIABLE: &str = "HIBERNACULUM_RECORD";

/// When a cassette is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// Never: one that is missing fails the test.
    #[default]
    Never,
    /// Where it is missing.
    Missing,
    /// Always, in place of the one that is there.
    All,
}

impl Record {
    /// What the variable `HIBERNACULUM_RECORD` says: `missing`, `all`, or nothing.
    ///
    /// ```
    /// use hibernaculum_backend_mock::cassette::Record;
    ///
    /// let record = Record::from_env()?;
    /// println!("cassettes are recorded: {record:?}");
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] where it says something else.
    pub fn from_env() -> Result<Self, Error> {
        // A word that is no text is a wrong one.
        let word = std::env::var_os(VARIABLE).unwrap_or_default();
        Self::parse(&word.to_string_lossy())
    }

    fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "" => Ok(Self::Never),
            "missing" => Ok(Self::Missing),
            "all" => Ok(Self::All),
            other => Err(ConfigError::Invalid {
                field: VARIABLE.to_owned(),
                value: other.to_owned(),
                rule: "must be `missing` or `all`, or not be set".to_owned(),
            }
            .into()),
        }
    }
}

/// A test's own cassette: played from its file, or recorded into it against a real backend.
///
/// ```no_run
/// # async fn real() -> Result<std::sync::Arc<dyn hibernaculum_core::Backend>, hibernaculum_core::Error> { unimplemented!() }
/// # async fn agent(_: std::sync::Arc<dyn hibernaculum_core::Backend>) {}
/// # async fn test() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_mock::cassette::{Record, Taped};
///
/// // `real` makes the backend, and is asked only to record: `HIBERNACULUM_RECORD=missing cargo test`.
/// let taped = Taped::open("tests/cassettes/agent.yaml", Record::from_env()?, real)
///     .await?
///     .redact("dtn_0123") // is not to be on the cassette
///     .by_lookup(); // the agent's calls come in any order
/// if taped.records() {
///     eprintln!("this takes longer than usual");
/// }
/// agent(taped.backend()).await;
/// taped.finish()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "`finish` writes what was recorded, and verifies what was played"]
pub struct Taped {
    file: PathBuf,
    deck: Deck,
}

#[derive(Debug)]
enum Deck {
    Plays(Cassette),
    Records(Recorder),
}

impl Taped {
    /// Plays the file, or records it with the backend that `real` makes.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] where the file is missing and may not be recorded, cannot be read or is no cassette; what `real` says.
    ///
    /// # Cancel safety
    ///
    /// No file is written when the future is dropped; what `real` began is its own affair.
    pub async fn open<F>(
        file: impl AsRef<Path>,
        record: Record,
        real: impl FnOnce() -> F,
    ) -> Result<Self, Error>
    where
        F: Future<Output = Result<Arc<dyn Backend>, Error>>,
    {
        let file = file.as_ref().to_owned();
        let records = record == Record::All || (record == Record::Missing && !file.exists());
        let deck = if records {
            Deck::Records(Recorder::new(real().await?))
        } else {
            let text = std::fs::read_to_string(&file).map_err(|error| {
                let rule = format!("must be there ({error}): `{VARIABLE}=missing` records it");
                invalid(&file, rule)
            })?;
            Deck::Plays(Cassette::from_yaml(&text)?)
        };
        Ok(Self { file, deck })
    }

    /// As [`Cassette::by_lookup`], where it is played.
    #[must_use = "`finish` writes what was recorded, and verifies what was played"]
    pub fn by_lookup(mut self) -> Self {
        if let Deck::Plays(cassette) = self.deck {
            self.deck = Deck::Plays(cassette.by_lookup());
        }
        self
    }

    /// As [`Recorder::redact`], where it is recorded.
    #[must_use = "`finish` writes what was recorded, and verifies what was played"]
    pub fn redact(mut self, secret: &str) -> Self {
        if let Deck::Records(recorder) = self.deck {
            self.deck = Deck::Records(recorder.redact(secret));
        }
        self
    }

    /// Whether it is being recorded.
    pub fn records(&self) -> bool {
        matches!(self.deck, Deck::Records(_))
    }

    /// The backend, for the code under test.
    pub fn backend(&self) -> Arc<dyn Backend> {
        match &self.deck {
            Deck::Plays(cassette) => cassette.backend(),
            Deck::Records(recorder) => recorder.backend(),
        }
    }

    /// Writes what was recorded, or verifies what was played. A test that failed before should not come here: what it recorded is half.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] where the file cannot be written.
    ///
    /// # Panics
    ///
    /// As [`Cassette::verify`].
    pub fn finish(self) -> Result<(), Error> {
        match self.deck {
            Deck::Plays(cassette) => {
                cassette.verify();
                Ok(())
            }
            Deck::Records(recorder) => {
                let directory = self.file.parent().unwrap_or(Path::new("."));
                let written = std::fs::create_dir_all(directory)
                    .and_then(|()| std::fs::write(&self.file, recorder.to_yaml()));
                written.map_err(|error| invalid(&self.file, format!("must be writable ({error})")))
            }
        }
    }
}

fn invalid(file: &Path, rule: String) -> Error {
    let value = file.display().to_string();
    ConfigError::Invalid { field: "cassette".to_owned(), value, rule }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_says_missing_or_all_or_nothing() {
        for (word, record) in [("", Record::Never), ("missing", Record::Missing), ("all", Record::All)] {
            assert_eq!(Record::parse(word).unwrap(), record);
        }
        for word in ["never", "All", "1"] {
            let refused = Record::parse(word).unwrap_err();
            assert_eq!(refused.code(), "config.invalid");
            assert!(refused.to_string().contains(word), "{refused}");
        }
    }
}
