//! What was expected and what came: the strict side of a script.
//!
//! ```text
//!  code ──find──▶ rule: met once more          ──▶ Found
//!            └──▶ none: an unexpected call, kept ──▶ the exception that the code gets
//!  end  ──complaints──▶ unexpected calls · rules not met · sandboxes and sessions that are open still
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::nearest::{nearest, shortened, shown};
use super::{Order, Rule, Scope, Script};

/// A rule that was met.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) rule: Arc<Rule>,
    pub(crate) groups: Vec<String>,
}

/// The script of one backend, and how far it has been played.
#[derive(Debug)]
pub(crate) struct Ledger {
    script: Script,
    rules: Vec<Arc<Rule>>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// By session, or under `""` where all share one.
    plays: BTreeMap<String, Play>,
    unexpected: Vec<String>,
    /// Sandboxes that run, and their sessions.
    open: BTreeMap<String, BTreeSet<String>>,
    sessions: u64,
}

/// How often each rule was met.
#[derive(Debug, Default)]
struct Play {
    met: Vec<u64>,
    at: usize,
}

impl Ledger {
    pub(crate) fn new(script: Script) -> Self {
        let rules = script.rules.iter().cloned().map(Arc::new).collect();
        Self { script, rules, book: Mutex::default() }
    }

    /// Every change under the lock leaves the book whole, so that a poisoned one is as good as any.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sandbox_began(&self, sandbox: &str) {
        self.book().open.insert(sandbox.to_owned(), BTreeSet::new());
    }

    pub(crate) fn sandbox_ended(&self, sandbox: &str) {
        self.book().open.remove(sandbox);
    }

    pub(crate) fn session_began(&self, sandbox: &str, session: &str) {
        let mut book = self.book();
        book.sessions += 1;
        if let Some(sessions) = book.open.get_mut(sandbox) {
            sessions.insert(session.to_owned());
        }
        if self.script.scope == Scope::EachSession {
            // A session that comes back after a crash goes on with its script.
            book.plays.entry(session.to_owned()).or_default();
        }
    }

    pub(crate) fn session_ended(&self, sandbox: &str, session: &str) {
        if let Some(sessions) = self.book().open.get_mut(sandbox) {
            sessions.remove(session);
        }
    }

    /// The rule for this code, which is met once more.
    ///
    /// # Errors
    ///
    /// What the script has instead, in words; it is kept for the end.
    pub(crate) fn find(&self, session: &str, code: &str) -> Result<Found, String> {
        let key = match self.script.scope {
            Scope::Backend => "",
            Scope::EachSession => session,
        };
        let mut book = self.book();
        let play = book.plays.entry(key.to_owned()).or_default();
        play.met.resize(self.rules.len(), 0);
        let complaint = match self.choose(play, code) {
            Ok(Some((index, found))) => {
                play.at = index;
                if let Some(met) = play.met.get_mut(index) {
                    *met += 1;
                }
                return Ok(found);
            }
            Ok(None) => self.complain(play, code),
            Err(complaint) => complaint,
        };
        book.unexpected.push(complaint.clone());
        Err(complaint)
    }

    /// A function of the script panicked; what that is, in words. It is kept for the end.
    pub(crate) fn panicked(&self, rule: &Rule, what: &str, panic: &str) -> String {
        let complaint = panicked(rule, what, panic);
        self.book().unexpected.push(complaint.clone());
        complaint
    }

    fn choose(&self, play: &Play, code: &str) -> Result<Option<(usize, Found)>, String> {
        let from = if self.script.order == Order::InOrder { play.at } else { 0 };
        for (index, rule) in self.rules.iter().enumerate().skip(from) {
            let met = play.met.get(index).copied().unwrap_or_default();
            if met < rule.times.most {
                let groups = rule.matcher.groups(code);
                let groups = groups.map_err(|panic| panicked(rule, "its predicate", &panic))?;
                if let Some(groups) = groups {
                    return Ok(Some((index, Found { rule: Arc::clone(rule), groups })));
                }
            }
            if self.script.order == Order::InOrder && met < rule.times.least {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn complain(&self, play: &Play, code: &str) -> String {
        let mut text = format!("the script has no rule for this code:\n{}", shown(code));
        let met = |index: usize| play.met.get(index).copied().unwrap_or_default();
        let due =
            self.rules.iter().enumerate().skip(play.at).find(|(index, rule)| met(*index) < rule.times.least);
        if let (Order::InOrder, Some((index, rule))) = (self.script.order, due) {
            // Writing to a String cannot fail, here and below.
            let _ = write!(text, "\n  the next rule in order is #{}: {}", index + 1, rule.matcher);
        }
        let rule = |index: usize| {
            let times = self.rules.get(index).map(|rule| rule.times.to_string()).unwrap_or_default();
            format!("rule #{} ({times}; met {} times)", index + 1, met(index))
        };
        let matching = self.rules.iter().enumerate().filter(|(_, rule)| is_for(rule, code));
        let matching: Vec<usize> = matching.map(|(index, _)| index).collect();
        for index in &matching {
            let is_used_up = self.rules.get(*index).is_some_and(|rule| met(*index) >= rule.times.most);
            let why = match (is_used_up, *index < play.at) {
                (true, _) => "may be met no more",
                (false, true) => "its turn is over",
                (false, false) => "its turn has not come",
            };
            let _ = write!(text, "\n  {} is for this code, and {why}", rule(*index));
        }
        if matching.is_empty() {
            match nearest(&self.script.rules, code) {
                Some((index, difference)) => {
                    let _ = write!(text, "\n  the nearest is {}:\n{difference}", rule(index));
                }
                None if self.rules.is_empty() => text.push_str("\n  the script is empty"),
                None => {
                    let rules = self.rules.iter().enumerate();
                    let rules = rules.map(|(index, rule)| format!("    #{} {}", index + 1, rule.matcher));
                    let _ = write!(text, "\n  its rules are for\n{}", shortened(rules.collect()));
                }
            }
        }
        text
    }

    /// Calls that no rule was for.
    pub(crate) fn unexpected(&self) -> Vec<String> {
        self.book().unexpected.clone()
    }

    /// Rules that were not met often enough.
    pub(crate) fn unmet(&self) -> Vec<String> {
        let book = self.book();
        let none = Play::default();
        let plays: Vec<(&String, &Play)> = book.plays.iter().collect();
        let nobody = String::new();
        let plays = match (self.script.scope, plays.is_empty()) {
            // No session was opened: for a script that each plays, there is nobody who did not.
            (Scope::Backend, true) => vec![(&nobody, &none)],
            _ => plays,
        };
        let mut complaints = Vec::new();
        for (session, play) in plays {
            for (index, rule) in self.rules.iter().enumerate() {
                let met = play.met.get(index).copied().unwrap_or_default();
                if met < rule.times.least {
                    let whose = if session.is_empty() { String::new() } else { format!(" by {session}") };
                    complaints.push(format!(
                        "rule #{}, {}, was to be met {}, and was met {met} times{whose}",
                        index + 1,
                        rule.matcher,
                        rule.times
                    ));
                }
            }
        }
        complaints
    }

    /// Sandboxes that are open, with their sessions.
    pub(crate) fn open(&self) -> Vec<String> {
        let book = self.book();
        let told = |(sandbox, sessions): (&String, &BTreeSet<String>)| {
            if sessions.is_empty() {
                return format!("{sandbox} was never closed");
            }
            let sessions: Vec<_> = sessions.iter().map(String::as_str).collect();
            format!("{sandbox} was never closed, nor its sessions {}", sessions.join(", "))
        };
        book.open.iter().map(told).collect()
    }
}

fn is_for(rule: &Rule, code: &str) -> bool {
    rule.matcher.groups(code).is_ok_and(|groups| groups.is_some())
}

fn panicked(rule: &Rule, what: &str, panic: &str) -> String {
    format!("the rule for {} has a function that panicked ({what}): {panic}", rule.matcher)
}
