//! Which answer belongs to which question.

use std::collections::BTreeMap;

use super::rpc::Id;

/// The requests of one connection that wait for their response, each with whatever its asker left here.
///
/// Ids count from 1 (0 is the hello's) and are never used twice, so an answer that nobody waits for is known to be late
/// or made up, and can never reach a wrong asker.
///
/// ```
/// use hibernaculum_engine::wire::{Id, Pending, Unmatched};
///
/// let mut pending = Pending::default();
/// let id = pending.insert("who asked");
/// assert_eq!(pending.take(&Id::Number(id)), Ok("who asked"));
/// assert_eq!(pending.take(&Id::Number(id)), Err(Unmatched::Settled(id)));
/// assert_eq!(pending.take(&Id::Number(99)), Err(Unmatched::Unknown(Id::Number(99))));
///
/// let mut pending = Pending::new();
/// let (slow, _) = (pending.insert("slow"), pending.insert("patient"));
/// assert_eq!(pending.len(), 2);
/// assert_eq!(pending.give_up(slow), Some("slow"));
/// assert_eq!(pending.take(&Id::Number(slow)), Err(Unmatched::Settled(slow))); // its answer came too late
/// assert_eq!(pending.drain().collect::<Vec<_>>(), [(2, "patient")]); // the connection ended
/// assert!(pending.is_empty());
/// ```
#[derive(Debug)]
pub struct Pending<T> {
    waiting: BTreeMap<u64, T>,
    next: u64,
}

/// A response whose id no waiting request has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmatched {
    /// There was such a request; it has been answered already, or was given up.
    #[error("request {0} is answered already, or was given up")]
    Settled(u64),
    /// There never was such a request.
    #[error("there was no request {0}")]
    Unknown(Id),
}

impl<T> Pending<T> {
    /// Nothing is waiting; the first id will be 1.
    pub fn new() -> Self {
        Self { waiting: BTreeMap::new(), next: 1 }
    }

    /// Lets `waiter` wait, and returns the id that its request must carry.
    pub fn insert(&mut self, waiter: T) -> u64 {
        let id = self.next;
        self.next += 1;
        self.waiting.insert(id, waiter);
        id
    }

    /// Who waited for a response with this id.
    ///
    /// # Errors
    ///
    /// [`Unmatched::Settled`] for an id that was used, [`Unmatched::Unknown`] for any other. Neither changes anything:
    /// the caller may ignore both.
    pub fn take(&mut self, id: &Id) -> Result<T, Unmatched> {
        let Id::Number(number) = *id else { return Err(Unmatched::Unknown(id.clone())) };
        match self.waiting.remove(&number) {
            Some(waiter) => Ok(waiter),
            None if (1..self.next).contains(&number) => Err(Unmatched::Settled(number)),
            None => Err(Unmatched::Unknown(id.clone())),
        }
    }

    /// Nobody waits for this request any more; its response, if one comes, is [`Unmatched::Settled`].
    pub fn give_up(&mut self, id: u64) -> Option<T> {
        self.waiting.remove(&id)
    }

    /// Everybody who still waits, in the order of asking: for the end of a connection.
    pub fn drain(&mut self) -> impl Iterator<Item = (u64, T)> + use<T> {
        std::mem::take(&mut self.waiting).into_iter()
    }

    /// How many requests wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens to the requests of a connection; the numbers are ids, of which some were never given out.
    #[derive(Debug, Clone)]
    enum Happens {
        Asked,
        Answered(Id),
        GivenUp(u64),
    }

    fn happenings() -> impl Strategy<Value = Happens> {
        prop_oneof![
            3 => Just(Happens::Asked),
            3 => (0_u64..20).prop_map(|id| Happens::Answered(Id::Number(id))),
            1 => any::<String>().prop_map(|id| Happens::Answered(Id::Text(id))),
            1 => (0_u64..20).prop_map(Happens::GivenUp),
        ]
    }

    proptest! {
        #[test]
        fn who_asked_is_who_is_answered_once_whatever_else_comes(happenings in prop::collection::vec(happenings(), 0..60)) {
            // The model: who asked as the nth, and whether he waits.
            let (mut pending, mut asked) = (Pending::new(), Vec::<bool>::new());
            for happening in happenings {
                match happening {
                    Happens::Asked => {
                        asked.push(true);
                        prop_assert_eq!(pending.insert(asked.len()), asked.len() as u64);
                    }
                    Happens::Answered(Id::Number(id)) => {
                        let waited = at(&mut asked, id).map(std::mem::take);
                        let expected = match waited {
                            Some(true) => Ok(usize::try_from(id).unwrap()),
                            Some(false) => Err(Unmatched::Settled(id)),
                            None => Err(Unmatched::Unknown(Id::Number(id))),
                        };
                        prop_assert_eq!(pending.take(&Id::Number(id)), expected);
                    }
                    Happens::Answered(id) => {
                        prop_assert_eq!(pending.take(&id), Err(Unmatched::Unknown(id)));
                    }
                    Happens::GivenUp(id) => {
                        let waited = at(&mut asked, id).is_some_and(std::mem::take);
                        prop_assert_eq!(pending.give_up(id), waited.then(|| usize::try_from(id).unwrap()));
                    }
                }
                prop_assert_eq!(pending.len(), asked.iter().filter(|waits| **waits).count());
            }
            let left: Vec<_> = pending.drain().map(|(_, asker)| asker).collect();
            let waiting = asked.iter().zip(1..).filter(|(waits, _)| **waits).map(|(_, asker)| asker);
            prop_assert_eq!(left, waiting.collect::<Vec<usize>>());
        }
    }

    /// The one who got this id; ids count from 1.
    fn at(asked: &mut [bool], id: u64) -> Option<&mut bool> {
        asked.get_mut(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    #[test]
    fn ids_start_behind_the_hello_and_are_never_used_twice() {
        let mut pending = Pending::new();
        assert_eq!(pending.insert('a'), 1);
        assert_eq!(pending.give_up(1), Some('a'));
        assert_eq!(pending.insert('b'), 2);
    }

    #[test]
    fn a_given_up_request_makes_its_late_answer_settled() {
        let mut pending = Pending::new();
        let id = pending.insert(());
        assert_eq!(pending.give_up(id), Some(()));
        assert_eq!(pending.give_up(id), None);
        assert_eq!(pending.take(&Id::Number(id)), Err(Unmatched::Settled(id)));
    }

    #[test]
    fn ids_that_were_never_given_out_are_unknown() {
        let mut pending = Pending::new();
        pending.insert(());
        for id in [Id::Number(0), Id::Number(2), Id::Number(u64::MAX), Id::Text("1".into())] {
            assert_eq!(pending.take(&id), Err(Unmatched::Unknown(id)));
        }
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn the_end_of_a_connection_reaches_everybody_in_the_order_of_asking() {
        let mut pending = Pending::new();
        for asker in ["first", "second", "third"] {
            pending.insert(asker);
        }
        assert_eq!(pending.take(&Id::Number(2)), Ok("second"));
        assert_eq!(pending.drain().collect::<Vec<_>>(), [(1, "first"), (3, "third")]);
        assert!(pending.is_empty());
    }
}
