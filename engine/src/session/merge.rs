//! Makes one order of the two roads of output.
//!
//! ```text
//!  session connection ── text, displays, questions, results ──▶ ┌───────┐
//!                                                               │ Merge │ ──▶ one order
//!  control connection ── raw output, text sent ahead ─────────▶ └───────┘
//! ```
//!
//! Every piece says how far the other road must have been delivered before it (`docs/protocol.md`, "Two roads of output, one order").
//! A piece of text may come twice, because the supervisor forwards what a busy session has not sent yet: positions tell.
//!
//! Pure: no I/O, no clock. A runner that lies about positions can only spoil the order of its own output: where both roads wait for each
//! other, the merge goes on in the order of arrival; where one waits for what does not come, [`Merge::awaits_raw`] tells, and the actor gives
//! it up.

use std::collections::VecDeque;

use bytes::Bytes;
use hibernaculum_core::OutputStream;
use jiff::Timestamp;

/// Text that a session printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextPiece {
    pub(crate) execution: u64,
    pub(crate) stream: OutputStream,
    /// The position of its first byte among all text of the session process.
    pub(crate) pos: u64,
    /// How much raw output must have been delivered before it.
    pub(crate) raw: [u64; 2],
    pub(crate) at: Timestamp,
    pub(crate) content: String,
}

/// Bytes that were written to file descriptor 1 or 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawPiece {
    pub(crate) execution: u64,
    pub(crate) stream: OutputStream,
    /// The position of its first byte among all bytes of that descriptor.
    pub(crate) pos: u64,
    /// How much text must have been delivered before it.
    pub(crate) text_pos: u64,
    pub(crate) at: Timestamp,
    pub(crate) data: Bytes,
}

/// What comes out, in order. `T` is what else the session connection carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Merged<T> {
    Text(TextPiece),
    Raw(RawPiece),
    Other(T),
}

#[derive(Debug)]
enum SessionPiece<T> {
    Text(TextPiece),
    Other { raw: [u64; 2], bytes: usize, item: T },
}

/// What a piece costs besides its content: many empty ones must not cost nothing.
const OVERHEAD: usize = 128;

/// How many bytes wait in a merge, by the road on which they came. Each is bounded by somebody else, whose fault it is if it grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// What the session said: it is read no further while this is much.
    pub(crate) session: usize,
    /// Raw output: the supervisor keeps within the credit.
    pub(crate) raw: usize,
    /// Text that the supervisor forwarded, and before which something is missing: of an honest session as much as fits into the buffers of
    /// its connection.
    pub(crate) ahead: usize,
}

/// The merge of one session process. `T` is what else the session connection carries: displays, questions, results.
#[derive(Debug)]
pub(crate) struct Merge<T> {
    session: VecDeque<SessionPiece<T>>,
    raw: VecDeque<RawPiece>,
    /// Text that was forwarded although text before it has not come yet.
    ahead: Vec<TextPiece>,
    /// The end of the text that was accepted.
    text_known: u64,
    /// The end of the text that was delivered.
    text_done: u64,
    raw_done: [u64; 2],
    waiting: Waiting,
    /// Nothing more will come: what is here is delivered as it stands.
    closed: bool,
}

impl<T> Default for Merge<T> {
    fn default() -> Self {
        Self {
            session: VecDeque::new(),
            raw: VecDeque::new(),
            ahead: Vec::new(),
            text_known: 0,
            text_done: 0,
            raw_done: [0; 2],
            waiting: Waiting::default(),
            closed: false,
        }
    }
}

impl<T> Merge<T> {
    /// What comes first has these positions: what lies before is nobody's here.
    pub(crate) fn begin_at(&mut self, text: u64, raw: [u64; 2]) {
        (self.text_known, self.text_done, self.raw_done) = (text, text, raw);
    }

    /// Text from the session connection.
    pub(crate) fn text(&mut self, text: TextPiece) {
        self.accept(text);
        self.accept_ahead();
    }

    /// Text that the supervisor forwarded.
    pub(crate) fn forwarded(&mut self, text: TextPiece) {
        self.waiting.ahead += cost(&text);
        self.ahead.push(text);
        self.accept_ahead();
    }

    /// Raw output from the control connection.
    pub(crate) fn raw(&mut self, raw: RawPiece) {
        self.waiting.raw += raw.data.len();
        self.raw.push_back(raw);
    }

    /// Anything else from the session connection, of about so many bytes, to be delivered after so much raw output.
    pub(crate) fn other(&mut self, raw: [u64; 2], bytes: usize, item: T) {
        self.waiting.session += bytes + OVERHEAD;
        self.session.push_back(SessionPiece::Other { raw, bytes, item });
    }

    /// The session process is gone and both roads have been read to their ends: everything is released.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.ahead.sort_by_key(|text| text.pos);
        for text in std::mem::take(&mut self.ahead) {
            self.waiting.ahead -= cost(&text);
            self.text_known = self.text_known.max(text.pos);
            self.accept(text);
        }
    }

    /// Whether nothing waits here.
    pub(crate) fn is_empty(&self) -> bool {
        self.session.is_empty() && self.raw.is_empty() && self.ahead.is_empty()
    }

    /// How much waits here.
    pub(crate) fn waiting(&self) -> Waiting {
        self.waiting
    }

    /// Whether nothing can be delivered before more raw output comes. Of an honest session it is on its way: the supervisor had it before the
    /// session spoke.
    pub(crate) fn awaits_raw(&self) -> bool {
        self.raw.is_empty() && self.session.front().is_some_and(|item| !self.session_may(item))
    }

    /// The next piece that may be delivered.
    pub(crate) fn next(&mut self) -> Option<Merged<T>> {
        let session = self.session.front().map(|item| self.session_may(item));
        let raw = self.raw.front().map(|raw| self.closed || raw.text_pos <= self.text_done);
        match (session, raw) {
            (Some(true), None | Some(false)) => self.take_session(),
            // Raw output first: what waits for it on the session's road comes right after. Where each waits for the other, which an
            // honest runner never makes them do, it goes first as well.
            (_, Some(true)) | (Some(false), Some(false)) => self.take_raw(),
            _ => None,
        }
    }

    fn session_may(&self, item: &SessionPiece<T>) -> bool {
        let (SessionPiece::Text(TextPiece { raw, .. }) | SessionPiece::Other { raw, .. }) = item;
        self.closed || raw.iter().zip(self.raw_done).all(|(needed, done)| *needed <= done)
    }

    fn take_raw(&mut self) -> Option<Merged<T>> {
        let raw = self.raw.pop_front()?;
        self.waiting.raw -= raw.data.len();
        let done = match raw.stream {
            OutputStream::Stdout => &mut self.raw_done[0],
            OutputStream::Stderr => &mut self.raw_done[1],
        };
        *done = (*done).max(raw.pos.saturating_add(raw.data.len() as u64));
        Some(Merged::Raw(raw))
    }

    fn take_session(&mut self) -> Option<Merged<T>> {
        Some(match self.session.pop_front()? {
            SessionPiece::Text(text) => {
                self.waiting.session -= cost(&text);
                self.text_done = self.text_done.max(text.pos + text.content.len() as u64);
                Merged::Text(text)
            }
            SessionPiece::Other { bytes, item, .. } => {
                self.waiting.session -= bytes + OVERHEAD;
                Merged::Other(item)
            }
        })
    }

    /// Takes what is new of a text that begins at or before the end of what is known.
    fn accept(&mut self, mut text: TextPiece) {
        let Some(end) = text.pos.checked_add(text.content.len() as u64) else { return };
        let known = usize::try_from(self.text_known.saturating_sub(text.pos)).unwrap_or(usize::MAX);
        if known >= text.content.len() {
            return;
        }
        if known > 0 {
            // Positions come from a process that could lie: a cut inside a character is moved to the next one.
            let cut = (known..text.content.len()).find(|cut| text.content.is_char_boundary(*cut));
            text.content.drain(..cut.unwrap_or(text.content.len()));
            text.pos = end - text.content.len() as u64;
        }
        self.text_known = self.text_known.max(end);
        self.waiting.session += cost(&text);
        self.session.push_back(SessionPiece::Text(text));
    }

    fn accept_ahead(&mut self) {
        while let Some(index) = self.ahead.iter().position(|text| text.pos <= self.text_known) {
            let text = self.ahead.swap_remove(index);
            self.waiting.ahead -= cost(&text);
            self.accept(text);
        }
    }
}

fn cost(text: &TextPiece) -> usize {
    text.content.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pos: u64, raw: [u64; 2], text: &str) -> TextPiece {
        let (stream, at) = (OutputStream::Stdout, Timestamp::UNIX_EPOCH);
        TextPiece { execution: 1, stream, pos, raw, at, content: text.to_owned() }
    }

    fn raw(pos: u64, text_pos: u64, data: &'static str) -> RawPiece {
        let (stream, at) = (OutputStream::Stdout, Timestamp::UNIX_EPOCH);
        RawPiece { execution: 1, stream, pos, text_pos, at, data: Bytes::from_static(data.as_bytes()) }
    }

    /// Everything that may be delivered now, as one line.
    fn delivered(merge: &mut Merge<&'static str>) -> String {
        let mut line = String::new();
        while let Some(piece) = merge.next() {
            match piece {
                Merged::Text(text) => line.push_str(&text.content),
                Merged::Raw(raw) => line.push_str(&String::from_utf8_lossy(&raw.data)),
                Merged::Other(item) => line.push_str(item),
            }
        }
        line
    }

    #[test]
    fn a_print_before_a_child_precedes_its_output_whichever_comes_first() {
        let mut merge = Merge::default();
        merge.raw(raw(0, 6, "child "));
        assert_eq!(delivered(&mut merge), "", "the child's output waits for the print");
        merge.text(text(0, [0, 0], "before"));
        assert_eq!(delivered(&mut merge), "beforechild ");
    }

    #[test]
    fn the_output_of_an_awaited_child_precedes_a_later_print() {
        let mut merge = Merge::default();
        merge.text(text(0, [6, 0], "after"));
        merge.other([6, 0], 0, "|result");
        assert_eq!(delivered(&mut merge), "");
        merge.raw(raw(0, 0, "child "));
        assert_eq!(delivered(&mut merge), "child after|result");
    }

    #[test]
    fn text_that_comes_twice_is_told_once() {
        let mut merge = Merge::default();
        merge.forwarded(text(0, [0, 0], "abc"));
        merge.text(text(0, [0, 0], "abcdef"));
        merge.forwarded(text(2, [0, 0], "cd"));
        assert_eq!(delivered(&mut merge), "abcdef");
    }

    #[test]
    fn text_that_is_forwarded_ahead_waits_for_what_is_before_it() {
        let mut merge = Merge::default();
        merge.forwarded(text(3, [0, 0], "def"));
        assert_eq!(delivered(&mut merge), "");
        merge.text(text(0, [0, 0], "abc"));
        assert_eq!(delivered(&mut merge), "abcdef");
        assert_eq!(merge.waiting(), Waiting::default());
    }

    #[test]
    fn after_a_death_everything_is_released_in_order() {
        let mut merge = Merge::default();
        merge.text(text(0, [0, 0], "a"));
        merge.forwarded(text(9, [0, 0], "z"));
        merge.forwarded(text(5, [0, 0], "m"));
        merge.raw(raw(0, 100, "R"));
        merge.close();
        assert_eq!(delivered(&mut merge), "Ramz");
        assert_eq!(merge.waiting(), Waiting::default());
    }

    #[test]
    fn roads_that_wait_for_each_other_go_on_all_the_same() {
        let mut merge = Merge::default();
        merge.text(text(0, [5, 0], "t"));
        merge.raw(raw(0, 9, "r"));
        merge.other([99, 0], 0, "never");
        assert_eq!(delivered(&mut merge), "r", "the rest waits until the session ends");
        assert!(merge.awaits_raw(), "and that is told");
        merge.close();
        assert_eq!(delivered(&mut merge), "tnever");
    }

    #[test]
    fn what_waits_is_counted_by_its_road_and_costs_something_even_if_it_is_empty() {
        let mut merge = Merge::default();
        merge.text(text(0, [5, 0], "abc"));
        merge.other([9, 0], 1000, "display");
        assert_eq!(merge.waiting(), Waiting { session: 1003 + 2 * OVERHEAD, ..Waiting::default() });
        assert!(merge.awaits_raw());
        merge.forwarded(text(50, [0, 0], "z"));
        merge.raw(raw(0, 0, "12345"));
        let (waiting, session) = (merge.waiting(), 1003 + 2 * OVERHEAD);
        assert_eq!(waiting, Waiting { session, raw: 5, ahead: 1 + OVERHEAD });
        assert!(!merge.awaits_raw(), "it has come");
        assert_eq!(delivered(&mut merge), "12345abc");
        assert!(merge.awaits_raw(), "the display waits for four bytes more");
        assert_eq!(merge.waiting().session, 1000 + OVERHEAD);
    }

    #[test]
    fn a_position_inside_a_character_tears_nothing() {
        let mut merge = Merge::default();
        merge.text(text(0, [0, 0], "a"));
        merge.text(text(0, [0, 0], "éb"));
        merge.text(text(u64::MAX, [0, 0], "overflow"));
        assert_eq!(delivered(&mut merge), "ab");
    }
}
