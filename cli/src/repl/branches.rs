//! The sessions of one prompt: the first, and the branches; what each goes on from, and the checkpoints that a person keeps.
//!
//! ```text
//!  :checkpoint ─▶ kept, below what the session went on from ─┬─ :restore ─▶ the present session goes on from it
//!                                                            └─ :branch  ─▶ a new session goes on from it
//! ```

use std::sync::Arc;

use hibernaculum::{
    CheckpointId, CheckpointInfo, CheckpointKind, CheckpointRequest, Error, Outcome, Session, SessionSpec,
    StateAfter,
};

use super::tree::Node;
use super::undo::{self, MOST, Undo, UndoWhen};

/// A session, and how far it is.
struct Branch {
    number: usize,
    session: Session,
    /// The number of its last execution.
    count: u64,
    /// How its last piece of code ended.
    last: Option<Outcome>,
    /// What it goes on from; `None`: the beginning.
    from: Option<CheckpointId>,
    undo: Undo,
}

/// A checkpoint that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) id: CheckpointId,
    pub(super) name: String,
    pub(super) parent: Option<CheckpointId>,
    /// The number of the session that it was made of, and of the execution that was its last.
    pub(super) session: usize,
    pub(super) after: u64,
}

/// All of them.
pub(super) struct Branches {
    here: Branch,
    /// In the order of their numbers.
    others: Vec<Branch>,
    kept: Vec<Kept>,
    /// How many there have been.
    sessions: usize,
    checkpoints: usize,
    spec: SessionSpec,
    undo: UndoWhen,
}

/// A line of `:sessions`.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) is_here: bool,
    pub(super) count: u64,
    pub(super) from: String,
}

impl Branches {
    /// How long an execution has to end by itself after an interrupt.
    pub(super) fn grace(&self) -> std::time::Duration {
        self.spec.grace
    }

    /// The first session, `count` of whose executions there have been. Branches are opened as `spec` says.
    pub(super) fn new(session: Session, count: u64, spec: SessionSpec, undo: UndoWhen) -> Self {
        let here = Branch { number: 1, session, count, last: None, from: None, undo: Undo::default() };
        Self { here, others: Vec::new(), kept: Vec::new(), sessions: 1, checkpoints: 0, spec, undo }
    }

    /// The present session.
    pub(super) fn session(&self) -> &Session {
        &self.here.session
    }

    pub(super) fn number(&self) -> usize {
        self.here.number
    }

    /// The number of the last execution of the present session.
    pub(super) fn count(&self) -> u64 {
        self.here.count
    }

    pub(super) fn last(&self) -> Option<&Outcome> {
        self.here.last.as_ref()
    }

    /// Whether there is more than one, so that it matters which is the present one.
    pub(super) fn are_many(&self) -> bool {
        !self.others.is_empty()
    }

    /// A piece of code has ended.
    pub(super) fn ended(&mut self, outcome: Outcome) {
        self.here.count = match outcome.state {
            StateAfter::Restored { .. } => self.here.count,
            StateAfter::Lost => 0,
            _ => outcome.count,
        };
        self.here.last = Some(outcome);
    }

    /// All sessions end with their sandbox; one stands for them.
    pub(super) fn into_one(self) -> Session {
        for branch in self.others {
            branch.session.keep();
        }
        self.here.session
    }

    /// Keeps no ways back from now on.
    pub(super) fn keep_no_ways(&mut self) {
        self.undo = UndoWhen::Never;
    }

    /// Keeps a way back, before something changes the state.
    pub(super) async fn before_input(&mut self) {
        let Branch { session, last, from, count, .. } = &self.here;
        let point = undo::point(session, self.undo, last.as_ref(), (*from, *count)).await;
        let mut gone: Vec<_> = self.here.undo.push(point).into_iter().collect();
        while self.all().map(|branch| branch.undo.ways()).sum::<usize>() > MOST {
            let other = self.others.iter_mut().find(|other| other.undo.ways() > 0);
            gone.extend(other.unwrap_or(&mut self.here).undo.drop_oldest());
        }
        self.delete_all(&gone).await;
    }

    /// Takes the present session back to before its last `count` inputs; `Err` with words: there is no such way.
    pub(super) async fn undo(&mut self, count: usize) -> Result<Result<(), String>, Error> {
        let (checkpoint, from, at) = match self.here.undo.look(count) {
            Some(undo::Point::Way { checkpoint, from, count }) => (*checkpoint, *from, *count),
            Some(undo::Point::Missing(why)) => return Ok(Err(why.clone())),
            None => return Ok(Err("nothing that old is kept".to_owned())),
        };
        self.here.session.restore(&checkpoint).await?;
        (self.here.from, self.here.count) = (from, at);
        let gone = self.here.undo.pop(count);
        self.delete_all(&gone).await;
        Ok(Ok(()))
    }

    /// A name that no checkpoint has.
    pub(super) fn free_name(&mut self) -> String {
        loop {
            self.checkpoints += 1;
            let name = format!("c{}", self.checkpoints);
            if self.find(&name).is_none() {
                return name;
            }
        }
    }

    /// The checkpoint of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|kept| kept.name.as_str())
    }

    /// Keeps the present state under a name that is free.
    pub(super) async fn checkpoint(&mut self, name: String) -> Result<CheckpointInfo, Error> {
        let request = CheckpointRequest::new(CheckpointKind::Live).name(name.as_str());
        let made = self.here.session.checkpoint(request).await?;
        let Branch { number: session, count: after, from: parent, .. } = self.here;
        self.kept.push(Kept { id: made.id, name, parent, session, after });
        self.here.from = Some(made.id);
        Ok(made)
    }

    /// Takes the present session back to a checkpoint.
    pub(super) async fn restore(&mut self, kept: &Kept) -> Result<(), Error> {
        self.before_input().await;
        self.here.session.restore(&kept.id).await?;
        (self.here.from, self.here.count) = (Some(kept.id), kept.after);
        Ok(())
    }

    /// Opens a session with the state of a checkpoint, and goes on in it.
    pub(super) async fn branch(&mut self, kept: &Kept) -> Result<(), Error> {
        let session = self.here.session.branch_with(&kept.id, self.spec.clone()).await?;
        self.sessions += 1;
        let branch = Branch {
            number: self.sessions,
            session,
            count: kept.after,
            last: None,
            from: Some(kept.id),
            undo: Undo::default(),
        };
        let left = std::mem::replace(&mut self.here, branch);
        self.put_back(left);
        Ok(())
    }

    /// Goes on in the session of this number; whether there is one.
    pub(super) fn switch(&mut self, number: usize) -> bool {
        if let Some(index) = self.others.iter().position(|branch| branch.number == number) {
            let there = self.others.remove(index);
            let left = std::mem::replace(&mut self.here, there);
            self.put_back(left);
        }
        self.here.number == number
    }

    /// Ends a session that is not the present one; whether there is one of this number.
    pub(super) async fn close(&mut self, number: usize) -> Result<bool, Error> {
        let Some(index) = self.others.iter().position(|branch| branch.number == number) else {
            return Ok(false);
        };
        let Branch { session, mut undo, .. } = self.others.remove(index);
        let gone = undo.pop(MOST);
        self.delete_all(&gone).await;
        session.close().await?;
        Ok(true)
    }

    /// Forgets a checkpoint. What came of it hangs on what it came of.
    pub(super) async fn delete(&mut self, checkpoint: CheckpointId) -> Result<(), Error> {
        self.here.session.backend().delete_checkpoint(&checkpoint).await?;
        let parent = self.kept.iter().find(|kept| kept.id == checkpoint).and_then(|kept| kept.parent);
        self.kept.retain(|kept| kept.id != checkpoint);
        for kept in self.kept.iter_mut().filter(|kept| kept.parent == Some(checkpoint)) {
            kept.parent = parent;
        }
        for branch in std::iter::once(&mut self.here).chain(&mut self.others) {
            if branch.from == Some(checkpoint) {
                branch.from = parent;
            }
        }
        Ok(())
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let name =
            |id: CheckpointId| self.kept.iter().find(|kept| kept.id == id).map(|kept| kept.name.clone());
        let row = |branch: &Branch| Row {
            number: branch.number,
            is_here: branch.number == self.here.number,
            count: branch.count,
            from: branch.from.and_then(name).unwrap_or_else(|| "the beginning".to_owned()),
        };
        let mut rows: Vec<_> = self.all().map(row).collect();
        rows.sort_by_key(|row| row.number);
        rows
    }

    /// What came of what.
    pub(super) fn tree(&self) -> String {
        Node { text: "(the beginning)".to_owned(), below: self.below(None) }.draw()
    }

    fn below(&self, parent: Option<CheckpointId>) -> Vec<Node> {
        let kept = self.kept.iter().filter(|kept| kept.parent == parent).map(|kept| Node {
            text: format!("{}  session {}, after In [{}]", kept.name, kept.session, kept.after),
            below: self.below(Some(kept.id)),
        });
        let mut there: Vec<_> = self.all().filter(|branch| branch.from == parent).collect();
        there.sort_by_key(|branch| branch.number);
        let sessions = there.into_iter().map(|branch| {
            let mark = if branch.number == self.here.number { "  ← here" } else { "" };
            Node { text: format!("session {}{mark}", branch.number), below: Vec::new() }
        });
        kept.chain(sessions).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Branch> {
        std::iter::once(&self.here).chain(&self.others)
    }

    fn put_back(&mut self, branch: Branch) {
        self.others.push(branch);
        self.others.sort_by_key(|branch| branch.number);
    }

    /// What is no longer needed. Where it cannot be deleted it ends with its sandbox.
    async fn delete_all(&self, checkpoints: &[CheckpointId]) {
        let backend = Arc::clone(self.here.session.backend());
        for checkpoint in checkpoints {
            let _ = backend.delete_checkpoint(checkpoint).await;
        }
    }
}
