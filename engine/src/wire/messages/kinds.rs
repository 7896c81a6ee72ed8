//! Which messages may come on which connection: one enum for each direction and sort.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    Adopt, AskStats, CheckpointAbort, CheckpointBlob, CheckpointDrop, CheckpointFreeze, CheckpointList,
    CheckpointLoad, CheckpointLoaded, CheckpointReady, CheckpointSave, Close, Credit, Died, Event, Execute,
    ForwardedText, Input, Interrupt, Kill, NamespaceClear, NamespaceDelete, NamespaceGet, NamespaceList,
    NamespaceRepr, NamespaceSet, RawJson, RawOutput, Remember, Restored, Shutdown, TransactionCommit,
    TransactionRollback, Watch,
};
use crate::wire::error::{Violation, WireError};
use crate::wire::text::{CarriesText, VisitText};

/// An enum over messages of one connection, read by method name. `texts` have long strings, `plain` have none.
macro_rules! kinds {
    (
        $(#[$meta:meta])* $name:ident by $via:ident {
            texts { $($(#[$text_meta:meta])* $text:ident($text_type:ty),)* }
            plain { $($(#[$plain_meta:meta])* $plain:ident($plain_type:ty),)* }
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $($(#[$text_meta])* $text($text_type),)*
            $($(#[$plain_meta])* $plain($plain_type),)*
            /// A method that this version does not know.
            Unknown {
                /// Its name.
                method: String,
                /// Its parameters, as they came.
                params: RawJson,
            },
        }

        impl $name {
            /// Reads the parameters of `method` as its type.
            ///
            /// ```
            /// use hibernaculum_engine::wire::messages::ControlNotice;
            /// use serde_json::value::RawValue;
            ///
            /// let params = RawValue::from_string(r#"{"session":"ses_1","execution":7}"#.to_owned())?;
            /// let notice = ControlNotice::parse("interrupt", &params)?;
            /// assert_eq!(notice.method(), "interrupt");
            /// assert!(matches!(notice, ControlNotice::Interrupt(interrupt) if interrupt.execution == 7));
            /// assert!(matches!(ControlNotice::parse("levitate", &params)?, ControlNotice::Unknown { .. }));
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            ///
            /// # Errors
            ///
            /// [`Violation::Contents`](crate::wire::Violation::Contents) where they do not have its shape. A method
            /// that is not known is no error.
            pub fn parse(method: &str, params: &RawValue) -> Result<Self, WireError> {
                let read = match method {
                    $(<$text_type as super::$via>::METHOD => <$text_type as super::$via>::read(params).map(Self::$text),)*
                    $(<$plain_type as super::$via>::METHOD => <$plain_type as super::$via>::read(params).map(Self::$plain),)*
                    _ => Ok(Self::Unknown { method: method.to_owned(), params: RawJson::from(params) }),
                };
                read.map_err(|source| Violation::Contents { kind: method.to_owned(), source }.into())
            }

            /// The method's name.
            ///
            /// ```
            /// use hibernaculum_engine::wire::messages::{ControlNotice, Interrupt};
            ///
            /// let notice = ControlNotice::Interrupt(Interrupt { session: "ses_1".into(), execution: 7, pid: None });
            /// assert_eq!(notice.method(), "interrupt");
            /// ```
            pub fn method(&self) -> Cow<'_, str> {
                match self {
                    $(Self::$text(_) => <$text_type as super::$via>::METHOD.into(),)*
                    $(Self::$plain(_) => <$plain_type as super::$via>::METHOD.into(),)*
                    Self::Unknown { method, .. } => method.into(),
                }
            }
        }

        impl CarriesText for $name {
            fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
                let _ = &visit; // not used where no message has text
                match self {
                    $(Self::$text(message) => message.each_text(visit),)*
                    $(Self::$plain(_) => Ok(()),)*
                    Self::Unknown { .. } => Ok(()),
                }
            }
        }
    };
}

kinds! {
    /// What a host asks of a supervisor.
    ControlCall by Call {
        texts {}
        plain {
            /// Interrupt one execution.
            Interrupt(Interrupt),
            /// End a session's process.
            Kill(Kill),
            /// End a session.
            Close(Close),
            /// How is the sandbox doing?
            Stats(AskStats),
            /// End a live checkpoint.
            CheckpointDrop(CheckpointDrop),
            /// Which live checkpoints are there?
            CheckpointList(CheckpointList),
            /// Who is there, of those that an earlier host left?
            Adopt(Adopt),
            /// End everything.
            Shutdown(Shutdown),
        }
    }
}

kinds! {
    /// What a host tells a supervisor.
    ControlNotice by Notice {
        texts {}
        plain {
            /// Interrupt one execution; nobody asks whether it was.
            Interrupt(Interrupt),
            /// Forward an execution's text while it runs.
            Watch(Watch),
            /// More may be sent.
            Credit(Credit),
            /// Keep something for the next host.
            Remember(Remember),
        }
    }
}

kinds! {
    /// What a supervisor tells a host.
    SupervisorNotice by Notice {
        texts {
            /// Text that a session has not sent itself.
            Text(ForwardedText),
        }
        plain {
            /// Raw bytes of fd 1 or 2.
            Output(RawOutput),
            /// A session's process is dead.
            Died(Died),
            /// A rollback is complete.
            Restored(Restored),
        }
    }
}

kinds! {
    /// What a host asks of a session.
    SessionCall by Call {
        texts {
            /// Run a piece of code.
            Execute(Execute),
            /// Bind a name.
            NamespaceSet(NamespaceSet),
            /// Save the names.
            CheckpointSave(CheckpointSave),
            /// Load names.
            CheckpointLoad(CheckpointLoad),
        }
        plain {
            /// List the names.
            NamespaceList(NamespaceList),
            /// Tell a variable as JSON.
            NamespaceGet(NamespaceGet),
            /// Tell the `repr` of a variable.
            NamespaceRepr(NamespaceRepr),
            /// Delete a name.
            NamespaceDelete(NamespaceDelete),
            /// Drop all names.
            NamespaceClear(NamespaceClear),
            /// Keep a frozen copy.
            CheckpointFreeze(CheckpointFreeze),
            /// Let what an execution did stay.
            TransactionCommit(TransactionCommit),
            /// Undo what an execution did.
            TransactionRollback(TransactionRollback),
        }
    }
}

kinds! {
    /// What a session tells a host.
    SessionNotice by Notice {
        texts {
            /// Something happened.
            Event(Event),
        }
        plain {
            /// A blob has been sent.
            CheckpointBlob(CheckpointBlob),
            /// A load waits for its blobs.
            CheckpointReady(CheckpointReady),
        }
    }
}

kinds! {
    /// What a host tells a session that loads a checkpoint.
    LoadNotice by Notice {
        texts {}
        plain {
            /// All blobs have been sent.
            Loaded(CheckpointLoaded),
            /// The rest will not be sent.
            Abort(CheckpointAbort),
        }
    }
}

kinds! {
    /// What a session asks of a host.
    SessionAsk by Call {
        texts {
            /// A line of input, please.
            Input(Input),
        }
        plain {}
    }
}
