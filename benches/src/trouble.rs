//! Why there is no figure.

use std::io;

use hibernaculum::Error;

/// Why a figure was not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trouble {
    /// It cannot be taken here; nothing is wrong. In words.
    Skipped(String),
    /// The product failed.
    Product(Error),
    /// The floor failed: this system or its Python.
    Floor(io::Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Skipped(reason) => f.write_str(reason),
            Self::Product(error) => write!(f, "the product failed: {error}"),
            Self::Floor(error) => write!(f, "the floor failed: {error}"),
        }
    }
}

impl std::error::Error for Trouble {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Skipped(_) => None,
            Self::Product(error) => Some(error),
            Self::Floor(error) => Some(error),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Product(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Floor(error)
    }
}
