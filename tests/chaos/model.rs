//! What a session must hold: a list that grows in place, and a number that is bound anew.

use std::fmt;

/// One state that a session can be in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// `x`: a transaction of bindings does not undo what is appended to it.
    pub(crate) list: Vec<u64>,
    /// `n`.
    pub(crate) number: u64,
}

impl State {
    pub(crate) fn appended(&self, token: u64) -> Self {
        let mut next = self.clone();
        next.list.push(token);
        next
    }

    pub(crate) fn written(&self, token: u64) -> Self {
        Self { number: token, ..self.appended(token) }
    }
}

/// The states that the session may be in, by what was told so far: one, but for a moment after something that was cut short.
#[derive(Clone)]
pub(crate) struct Model(Vec<State>);

impl Model {
    pub(crate) fn fresh() -> Self {
        Self(vec![State::default()])
    }

    pub(crate) fn is(state: State) -> Self {
        Self(vec![state])
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect())
    }

    pub(crate) fn states(&self) -> &[State] {
        &self.0
    }

    pub(crate) fn allows(&self, state: &State) -> bool {
        self.0.contains(state)
    }

    pub(crate) fn allows_number(&self, number: u64) -> bool {
        self.0.iter().any(|state| state.number == number)
    }

    /// Of each state, what may have become of it.
    pub(crate) fn then<I: IntoIterator<Item = State>>(&self, step: impl Fn(&State) -> I) -> Self {
        Self(self.0.iter().flat_map(step).collect())
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for state in &self.0 {
            let tail = state.list.get(state.list.len().saturating_sub(4)..).unwrap_or_default();
            list.entry(&format_args!("(x: {} long, last {tail:?}; n: {})", state.list.len(), state.number));
        }
        list.finish()
    }
}
