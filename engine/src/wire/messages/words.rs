//! The closed lists of words, left open: a word that we do not know is kept, and the message with it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::rpc::Name;

/// An enum over words of the wire, with `Other` for the words of a newer peer.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// A word that this version does not know.
            Other(String),
        }

        impl $name {
            /// The word on the wire.
            ///
            /// ```
            /// use hibernaculum_engine::wire::messages::Status; // the other lists of words are made alike
            ///
            /// assert_eq!(Status::Completed.as_str(), "completed");
            /// assert_eq!(Status::from("levitated").as_str(), "levitated"); // of a newer peer
            /// ```
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Name::deserialize(deserializer).map(|name| Self::from(&*name.0))
            }
        }
    };
}

words! {
    /// What a connection is for.
    Role {
        /// The one connection over which a sandbox is governed.
        Control = "control",
        /// One session's own connection.
        Session = "session",
        /// A connection for files.
        Files = "files",
    }
}

words! {
    /// What `input()` does.
    StdinPolicy {
        /// It asks the host.
        Ask = "ask",
        /// It raises `EOFError`.
        Deny = "deny",
    }
}

words! {
    /// How an execution ended, as its session sees it.
    Status {
        /// It ran to its end.
        Completed = "completed",
        /// It raised an exception.
        Failed = "failed",
        /// An interrupt of ours ended it.
        Interrupted = "interrupted",
    }
}

words! {
    /// What became of a session's state.
    State {
        /// It is gone.
        Lost = "lost",
        /// A guard holds it as it was before the execution: the next connection for the session is that guard's.
        Guarded = "guarded",
    }
}

words! {
    /// What became of an execution's transaction.
    Settled {
        /// Its effects stay.
        Committed = "committed",
        /// Its effects are undone; of a scope of memory, as soon as `restored` is told.
        RolledBack = "rolled_back",
        /// It waits for `transaction.commit` or `transaction.rollback`.
        Pending = "pending",
    }
}

words! {
    /// What an earlier state was held by.
    Source {
        /// The guard of an execution.
        Guard = "guard",
        /// A live checkpoint.
        Live = "live",
    }
}

/// Which of the two output streams. There is no third, so another word is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// fd 1, `sys.stdout`.
    Stdout,
    /// fd 2, `sys.stderr`.
    Stderr,
}
