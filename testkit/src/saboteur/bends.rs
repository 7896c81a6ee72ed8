//! The ways in which a saboteur can bend what passes through its hands.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use hibernaculum_core::{
    CheckpointInfo, Event, EventKind, ExecutionRequest, FileInfo, InputReply, Manifest, NamespaceListing,
    Outcome, SandboxInfo, SandboxSpec, SessionInfo, SessionSpec, SnapshotInfo,
};

/// A call that a saboteur may leave out, or make little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Destroy,
    Abandon,
    /// Instead of opening a session, the first that is there is given.
    Open,
    Close,
    AbandonSession,
    Interrupt,
    /// A refused answer is told as given.
    RefuseAnswer,
    Detach,
    /// What is dropped is left running.
    InterruptDropped,
    /// Deleting a name.
    Delete,
    /// Removing a file.
    Remove,
    /// Going back to a checkpoint.
    Restore,
    /// Undoing a transaction that waits.
    Rollback,
    /// Deleting a checkpoint.
    DeleteCheckpoint,
    /// Closing what was put to sleep.
    Sleep,
    /// Deleting a snapshot.
    DeleteSnapshot,
    /// Instead of a fork, the sandbox itself is given.
    Fork,
}

/// What a saboteur does. Everything that it does not mention passes as it is.
pub(super) trait Bend: Send + Sync {
    fn omits(&self, call: Call) -> bool {
        let _ = call;
        false
    }
    fn sandbox(&self, spec: &mut SandboxSpec) {
        let _ = spec;
    }
    fn list(&self, sandboxes: &mut Vec<SandboxInfo>) {
        let _ = sandboxes;
    }
    fn session(&self, spec: &mut SessionSpec) {
        let _ = spec;
    }
    fn info(&self, info: &mut SessionInfo) {
        let _ = info;
    }
    fn request(&self, request: &mut ExecutionRequest) {
        let _ = request;
    }
    fn attach_after(&self, seq: u64) -> u64 {
        seq
    }
    fn checkpoint(&self, info: &mut CheckpointInfo) {
        let _ = info;
    }
    fn manifest(&self, manifest: &mut Manifest) {
        let _ = manifest;
    }
    fn snapshot(&self, info: &mut SnapshotInfo) {
        let _ = info;
    }
    fn answer(&self, reply: InputReply) -> InputReply {
        reply
    }
    fn names(&self, listing: &mut NamespaceListing) {
        let _ = listing;
    }
    fn files(&self, files: &mut Vec<FileInfo>) {
        let _ = files;
    }
    /// The path that is used in a file's place.
    fn path(&self, path: &str) -> String {
        path.to_owned()
    }
    /// A piece of a download.
    fn piece(&self, piece: Bytes) -> Bytes {
        piece
    }
    /// What is given in an event's place.
    fn event(&self, event: Event) -> Vec<Event> {
        vec![event]
    }
    /// Whether the numbers of the events are bent as well; else what is dropped or added leaves no hole.
    fn bends_numbers(&self) -> bool {
        false
    }
}

/// Does nothing at all.
pub(super) struct Nothing;

impl Bend for Nothing {}

/// Leaves a call out.
pub(super) struct Omits(pub(super) Call);

impl Bend for Omits {
    fn omits(&self, call: Call) -> bool {
        call == self.0
    }
}

/// Bends one value on its way; one type for each, so that a vice is one line.
macro_rules! bends {
    ($($(#[$doc:meta])* $name:ident: $method:ident($value:ty);)*) => {$(
        $(#[$doc])*
        pub(super) struct $name(pub(super) fn(&mut $value));

        impl Bend for $name {
            fn $method(&self, value: &mut $value) {
                (self.0)(value);
            }
        }
    )*};
}

bends! {
    /// What a sandbox shall be like.
    BendsSandbox: sandbox(SandboxSpec);
    /// Which sandboxes there are.
    BendsList: list(Vec<SandboxInfo>);
    /// What a session shall be like.
    BendsSession: session(SessionSpec);
    /// What is known of a session.
    BendsInfo: info(SessionInfo);
    /// What is to be run.
    BendsRequest: request(ExecutionRequest);
    /// Which names a session has.
    BendsNames: names(NamespaceListing);
    /// What is told of a checkpoint that was made.
    BendsCheckpoint: checkpoint(CheckpointInfo);
    /// What is told of what a checkpoint holds.
    BendsManifest: manifest(Manifest);
    /// What is told of a snapshot that was made.
    BendsSnapshot: snapshot(SnapshotInfo);
    /// Which files a directory has.
    BendsFiles: files(Vec<FileInfo>);
}

/// Bends how an execution ended.
pub(super) struct BendsOutcome(pub(super) fn(&mut Outcome));

impl Bend for BendsOutcome {
    fn event(&self, mut event: Event) -> Vec<Event> {
        if let EventKind::Finished(outcome) = &mut event.kind {
            (self.0)(outcome);
        }
        vec![event]
    }
}

/// Bends events, with what it kept of earlier ones.
pub(super) struct BendsEvents {
    kept: Mutex<Vec<Event>>,
    bend: fn(&mut Vec<Event>, Event) -> Vec<Event>,
    numbers: bool,
}

impl BendsEvents {
    pub(super) fn new(bend: fn(&mut Vec<Event>, Event) -> Vec<Event>) -> Self {
        Self { kept: Mutex::default(), bend, numbers: false }
    }

    pub(super) fn with_numbers(bend: fn(&mut Vec<Event>, Event) -> Vec<Event>) -> Self {
        Self { numbers: true, ..Self::new(bend) }
    }
}

impl Bend for BendsEvents {
    fn event(&self, event: Event) -> Vec<Event> {
        (self.bend)(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner), event)
    }

    fn bends_numbers(&self) -> bool {
        self.numbers
    }
}

/// Gives everything, whatever was asked for.
pub(super) struct AttachesFromTheFirst;

impl Bend for AttachesFromTheFirst {
    fn attach_after(&self, _: u64) -> u64 {
        0
    }
}

/// Uses another path.
pub(super) struct BendsPath(pub(super) fn(&str) -> String);

impl Bend for BendsPath {
    fn path(&self, path: &str) -> String {
        (self.0)(path)
    }
}

/// Gives other bytes than the file has.
pub(super) struct BendsPieces(pub(super) fn(Bytes) -> Bytes);

impl Bend for BendsPieces {
    fn piece(&self, piece: Bytes) -> Bytes {
        (self.0)(piece)
    }
}

/// Answers something of its own.
pub(super) struct BendsAnswer(pub(super) fn(InputReply) -> InputReply);

impl Bend for BendsAnswer {
    fn answer(&self, reply: InputReply) -> InputReply {
        (self.0)(reply)
    }
}
