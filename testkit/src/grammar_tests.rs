//! The grammar of streams, held to streams that break it.

use hibernaculum_core::{Event, EventKind, ExecutionId, Outcome, OutputStream, StateAfter, Status};
use jiff::Timestamp;

use crate::grammar::Grammar;

fn output(text: &str) -> EventKind {
    EventKind::Output { stream: OutputStream::Stdout, text: text.to_owned() }
}

fn background() -> EventKind {
    EventKind::Background { stream: OutputStream::Stdout, text: "late".to_owned() }
}

fn finished(status: Status, state: StateAfter) -> EventKind {
    EventKind::Finished(Box::new(Outcome::new(status, state)))
}

fn completed() -> EventKind {
    finished(Status::Completed, StateAfter::Kept)
}

/// The first complaint about a stream of these events, numbered from 1.
fn complaint(kinds: Vec<EventKind>) -> Option<String> {
    let execution = ExecutionId::new();
    let mut grammar = Grammar::new(execution, 0, false);
    let events = kinds.into_iter().zip(1..);
    events
        .map(|(kind, seq)| Event::new(seq, execution, Timestamp::UNIX_EPOCH, kind))
        .find_map(|event| grammar.accept(&event).err())
}

#[test]
fn streams_as_they_should_be_are_accepted() {
    assert_eq!(complaint(vec![EventKind::Started, completed()]), None);
    assert_eq!(
        complaint(vec![background(), EventKind::Started, output("a"), output("b"), completed()]),
        None
    );
    assert_eq!(complaint(vec![EventKind::Started, background(), output("a"), completed()]), None);
    assert_eq!(complaint(vec![finished(Status::Interrupted, StateAfter::Kept)]), None);
}

#[test]
fn streams_that_lie_are_caught() {
    let lies = [
        (vec![output("a")], "before `Started`"),
        (vec![EventKind::Started, EventKind::Started], "twice"),
        (vec![EventKind::Started, output("a"), background()], "after its own output"),
        (vec![EventKind::Started, output("")], "without text"),
        (vec![EventKind::Started, completed(), output("a")], "nothing follows"),
        (vec![EventKind::Started, EventKind::Gap { from: Some(2), to: Some(2) }], "no gaps"),
        (vec![EventKind::Started, EventKind::Unknown], "unknown kind"),
        (vec![completed()], "never started"),
        (vec![EventKind::Started, finished(Status::Completed, StateAfter::Lost)], "keeps its state"),
        (vec![EventKind::Started, finished(Status::Failed, StateAfter::Kept)], "has an exception"),
        (vec![EventKind::Started, finished(Status::Crashed, StateAfter::Lost)], "has a cause"),
    ];
    for (kinds, expected) in lies {
        let told = complaint(kinds.clone()).unwrap_or_default();
        assert!(told.contains(expected), "{kinds:?} gave {told:?}");
    }
}

#[test]
fn numbers_and_names_must_be_right() {
    let (mine, other) = (ExecutionId::new(), ExecutionId::new());
    let started = |seq, execution| Event::new(seq, execution, Timestamp::UNIX_EPOCH, EventKind::Started);
    assert!(Grammar::new(mine, 0, false).accept(&started(1, mine)).is_ok());
    assert!(Grammar::new(mine, 0, false).accept(&started(2, mine)).is_err());
    assert!(Grammar::new(mine, 0, false).accept(&started(1, other)).is_err());
    assert!(Grammar::new(mine, 4, true).accept(&started(5, mine)).is_ok());
    let gap = |from, to| {
        Event::new(to, mine, Timestamp::UNIX_EPOCH, EventKind::Gap { from: Some(from), to: Some(to) })
    };
    assert!(Grammar::new(mine, 0, true).accept(&gap(1, 7)).is_ok());
    assert!(Grammar::new(mine, 0, true).accept(&gap(2, 7)).is_err());
}
