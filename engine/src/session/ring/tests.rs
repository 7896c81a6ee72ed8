//! What a ring keeps, whom it wakes, and whom it holds up.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use hibernaculum_core::{ExecutionError, ExecutionSource, OutputStream};

use super::*;

fn ring() -> Arc<Ring> {
    Ring::new(ExecutionId::new(), OutputLimits::default(), Arc::new(Notify::new()))
}

fn output(text: &str) -> EventKind {
    EventKind::Output { stream: OutputStream::Stdout, text: text.to_owned() }
}

fn push(ring: &Ring, kind: EventKind) {
    ring.push(kind, Timestamp::UNIX_EPOCH);
}

async fn next(reader: &mut Reader) -> Option<Event> {
    poll_fn(|cx| reader.poll_event(cx)).await
}

#[tokio::test]
async fn events_come_in_order_and_end_with_the_last() {
    let ring = ring();
    let mut reader = ring.attach(0);
    push(&ring, EventKind::Started);
    push(&ring, output("a"));
    ring.fail(ExecutionError::Unknown { execution: ring.execution() }.into());
    let seqs = [next(&mut reader).await, next(&mut reader).await, next(&mut reader).await];
    assert_eq!(seqs.map(|event| event.map(|event| event.seq)), [Some(1), Some(2), Some(3)]);
    assert_eq!(next(&mut reader).await, None);
    assert_eq!(reader.take_error().map(|error| error.code()), Some("execution.unknown"));
}

#[test]
fn who_collects_is_woken_when_it_is_worth_it_and_who_streams_at_each() {
    let ring = ring();
    let mut reader = ring.attach(0);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let piece = "x".repeat(MANY / 2);
    let mut seen = Vec::new();
    for push_this in [EventKind::Started, output(&piece), output(&piece), output("a")] {
        while reader.poll_collected(&mut cx).is_ready() {}
        push(&ring, push_this);
        seen.push(woken.0.swap(0, Ordering::Relaxed));
    }
    assert_eq!(seen, [0, 0, 0, 0], "what was taken does not count");
    push(&ring, output(&piece));
    push(&ring, output(&piece));
    assert_eq!(woken.0.swap(0, Ordering::Relaxed), 1);
    while reader.poll_collected(&mut cx).is_ready() {}
    assert!(reader.poll_event(&mut cx).is_pending());
    push(&ring, output("b"));
    assert_eq!(woken.0.swap(0, Ordering::Relaxed), 1, "it streams now");
    while reader.poll_collected(&mut cx).is_ready() {}
    push(&ring, output("c"));
    ring.fail(ExecutionError::Unknown { execution: ring.execution() }.into());
    assert_eq!(woken.0.swap(0, Ordering::Relaxed), 1, "the last");
}

/// Counts.
#[derive(Default)]
struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_gap_before_nothing_is_told_with_what_comes_next() {
    let ring = ring();
    let mut reader = ring.attach(0);
    reader.detach();
    // Alone too large to be kept for a reader that is not there.
    push(&ring, output(&"x".repeat(2 * CAPACITY)));
    drop(reader);
    let mut reader = ring.attach(0);
    push(&ring, output("after"));
    let gap = next(&mut reader).await.map(|event| event.kind);
    assert_eq!(gap, Some(EventKind::Gap { from: Some(1), to: Some(1) }));
    assert_eq!(next(&mut reader).await.map(|event| (event.seq, event.kind)), Some((2, output("after"))));
}

#[tokio::test]
async fn an_attached_reader_stops_the_writer_and_a_detached_one_is_told_of_the_gap() {
    let ring = ring();
    let mut reader = ring.attach(0);
    let piece = "x".repeat(CAPACITY / 2);
    push(&ring, output(&piece));
    assert!(ring.has_room());
    push(&ring, output(&piece));
    assert!(!ring.has_room(), "what waits fills the ring");
    reader.detach();
    assert!(ring.has_room());
    for _ in 0..4 {
        push(&ring, output(&piece));
    }
    let mut again = ring.attach(0);
    let gap = next(&mut again).await.unwrap();
    let EventKind::Gap { from: Some(1), to: Some(to) } = gap.kind else { panic!("{gap:?}") };
    assert_eq!(next(&mut again).await.unwrap().seq, to + 1);
}

#[test]
fn who_attaches_while_the_execution_is_stopped_holds_nothing_up() {
    let ring = ring();
    let first = ring.attach(0);
    ring.stop_waiting_for_readers();
    let second = ring.attach(0);
    push(&ring, output(&"x".repeat(CAPACITY)));
    assert!(ring.has_room());
    drop((first, second));
}

#[tokio::test]
async fn who_attaches_further_on_lets_the_writer_go_on() {
    let ring = ring();
    let first = ring.attach(0);
    ring.readers.notified().await;
    push(&ring, output(&"x".repeat(CAPACITY)));
    assert!(!ring.has_room());
    let second = ring.attach(u64::MAX);
    assert!(ring.has_room());
    tokio::time::timeout(Duration::from_secs(5), ring.readers.notified()).await.expect("the writer is told");
    drop((first, second));
}

#[tokio::test]
async fn what_was_taken_can_be_taken_again_by_seq() {
    let ring = ring();
    let mut reader = ring.attach(0);
    for text in ["a", "b", "c"] {
        push(&ring, output(text));
    }
    next(&mut reader).await;
    next(&mut reader).await;
    let mut second = ring.attach(1);
    assert_eq!(next(&mut second).await.unwrap().seq, 2);
    let taken = next(&mut reader).await.unwrap();
    assert!(taken.is_last(), "the first reader is told that another took over: {taken:?}");
    drop(reader);
    assert!(!ring.is_cancelled(), "a reader that was replaced abandons nothing");
    drop(second);
    assert!(ring.is_cancelled());
}
