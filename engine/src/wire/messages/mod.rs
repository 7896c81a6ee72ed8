//! What every method and event carries, typed, for both sides of the wire.
//!
//! | connection | host to runner | runner to host |
//! |---|---|---|
//! | every | [`Hello`] | [`Challenge`], [`Welcome`] |
//! | control | [`ControlCall`], [`ControlNotice`] | [`SupervisorNotice`] |
//! | session | [`SessionCall`], [`LoadNotice`] | [`SessionNotice`] with its [`Event`]s, [`SessionAsk`] |
//!
//! All of them read and write JSON: the engine uses one half, a scripted runner the other. What a newer peer adds is
//! ignored (fields) or kept (kinds, as `Unknown`; words such as a status, as `Other`).

mod checkpoint;
mod control;
mod event;
mod execute;
mod files;
mod hello;
mod kinds;
mod linger;
mod namespace;
mod outcome;
mod output;
mod raw_json;
mod state;
mod stats;
mod words;

pub use checkpoint::{
    CheckpointAbort, CheckpointBlob, CheckpointLoad, CheckpointLoaded, CheckpointReady, CheckpointSave,
    MAX_BLOB, SaveLimits,
};
pub use control::{Close, Closed, Credit, Done, Interrupt, Interrupted, Kill, Killed, Shutdown, Watch};
pub use event::{Display, Event, Printed};
pub use execute::{Execute, Input, InputAnswer};
pub use files::{
    File, FileList, FilesBusy, FilesDownload, FilesEnd, FilesEntries, FilesList, FilesMkdir, FilesPack,
    FilesPacked, FilesRemove, FilesRename, FilesStat, FilesUnpack, FilesUpload,
};
pub use hello::{Challenge, Hello, SessionOptions, Welcome};
pub use kinds::{
    ControlCall, ControlNotice, LoadNotice, SessionAsk, SessionCall, SessionNotice, SupervisorNotice,
};
pub use linger::{Adopt, Adopted, Asked, Census, Remember};
pub use namespace::{
    NamespaceClear, NamespaceDelete, NamespaceGet, NamespaceList, NamespaceRepr, NamespaceSet,
};
pub use outcome::{Change, Changes, Executed, Json, PythonError, Timings, TraceFrame, Value};
pub use output::{Cause, Died, ForwardedText, RawOutput};
pub use raw_json::RawJson;
pub use state::{
    CheckpointDrop, CheckpointFreeze, CheckpointList, Checkpoints, Dropped, GoesOn, LiveCheckpoint, Restored,
    Transaction, TransactionCommit, TransactionRollback,
};
pub use stats::{AskStats, SessionStats, Stats};
pub use words::{Role, Settled, Source, State, Status, StdinPolicy, Stream};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The parameters of a request, and what it is answered with.
///
/// ```
/// use hibernaculum_engine::wire::messages::{Call, Kill};
/// use serde_json::value::RawValue;
///
/// let params = RawValue::from_string(r#"{"session":"ses_1","reason":"deadline"}"#.to_owned())?;
/// assert_eq!(Kill::METHOD, "kill");
/// assert_eq!(<Kill as Call>::read(&params)?.session, "ses_1");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait Call: Serialize + DeserializeOwned {
    /// The method's name on the wire.
    const METHOD: &'static str;
    /// The `result` of a response.
    type Answer: Serialize + DeserializeOwned;

    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// Where they do not have the shape of this type.
    fn read(params: &RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(params.get())
    }
}

/// The parameters of a notification.
///
/// ```
/// use hibernaculum_engine::wire::messages::{Interrupt, Notice};
/// use serde_json::value::RawValue;
///
/// let params = RawValue::from_string(r#"{"session":"ses_1","execution":7}"#.to_owned())?;
/// assert_eq!(<Interrupt as Notice>::METHOD, "interrupt");
/// assert_eq!(<Interrupt as Notice>::read(&params)?.execution, 7);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait Notice: Serialize + DeserializeOwned {
    /// The method's name on the wire.
    const METHOD: &'static str;

    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// Where they do not have the shape of this type.
    fn read(params: &RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(params.get())
    }
}

/// `null` where a number may stand is 0: "no execution", "not known".
fn null_is_zero<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(<Option<u64> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or(0))
}

#[cfg(test)]
#[path = "round_trip_tests.rs"]
mod tests;
