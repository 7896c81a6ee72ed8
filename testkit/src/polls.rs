//! Calls that are given up: polled so many times, and dropped.
//!
//! What is promised of a call that is dropped holds wherever it is dropped. So a test drops it after no poll, after one, after two, and so on until it
//! is done before that. A poll would pass over every await whose end is there already: here the first poll goes to the first await, and each one
//! after it takes one step and no more, so that there is a poll for each.
//!
//! | function | when the call is polled | what it is for |
//! |---|---|---|
//! | [`polled`] | again and again, with a turn of somebody else's between | peers of this process, under [`step_by_step`]: between any two of their steps |
//! | [`woken`] | when it is woken | processes, files, sockets: at each of the call's own awaits, at once or after a while |
//! | [`at_every_poll`] | by [`woken`], once more each time | a call over and over, dropped at each of its awaits |

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hibernaculum_core::Error;
use tokio::task::{coop, yield_now};

/// How often in a row a call must be done before it counts as done: how often it is woken differs.
const DONE: usize = 3;
/// More polls than any call takes.
const POLLS: usize = 1000;
/// More steps than tokio gives a task in one poll.
const STEPS: usize = 10_000;

/// Runs a test so that no more than one task gets a turn between two polls of it, under a clock that stands still: what is dropped is dropped between
/// any two steps of those who serve it.
///
/// # Panics
///
/// Where the test does, or no runtime can be made.
pub fn step_by_step(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).event_interval(1).build();
    #[expect(clippy::expect_used, reason = "a test that cannot go on says so by a panic")]
    runtime.expect("a runtime").block_on(test);
}

/// Polls a call at most so many times, whether or not it was woken, a step each, and drops it after one more turn of somebody else's; what it gave,
/// if it was done by then.
///
/// # Panics
///
/// Outside of a tokio runtime.
///
/// # Cancel safety
///
/// The call is dropped with this.
pub async fn polled<F: IntoFuture>(call: F, polls: usize) -> Option<F::Output> {
    given_up(call, polls, true, Duration::ZERO).await
}

/// Polls a call whenever it was woken, at most so many times, one step each, and drops it, before anybody else has a turn or `after` a while in which
/// nobody polls it: what it asked for may have been done then, unheard. What it gave, if it was done by then.
///
/// # Panics
///
/// Outside of a tokio runtime.
///
/// # Cancel safety
///
/// The call is dropped with this.
pub async fn woken<F: IntoFuture>(call: F, polls: usize, after: Duration) -> Option<F::Output> {
    given_up(call, polls, false, after).await
}

/// Where a call is given up.
#[derive(Debug, Clone, Copy)]
pub struct GiveUp {
    /// After so many polls.
    pub polls: usize,
    /// And after so long in which nobody polls it.
    pub after: Duration,
}

impl GiveUp {
    /// Calls, and gives up; what the call gave, if it was done by then. It must not fail.
    ///
    /// # Panics
    ///
    /// Where the call fails.
    ///
    /// # Cancel safety
    ///
    /// The call is dropped with this.
    pub async fn on<T>(self, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
        let gave = woken(call, self.polls, self.after).await;
        gave.map(|gave| gave.unwrap_or_else(|error| panic!("{self:?}: {}", error.explain())))
    }

    /// The same for a call that may need more than a step to come any further, as over an HTTP client's streams: each poll goes as far as it gets. So it is given
    /// up wherever it waits for somebody else. What it gave, if it was done by then.
    ///
    /// # Cancel safety
    ///
    /// The call is dropped with this.
    pub async fn on_waits<F: Future>(self, call: F) -> Option<F::Output> {
        let (mut call, mut left) = (pin!(call), self.polls);
        let gave = poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            match call.as_mut().poll(cx) {
                Poll::Ready(gave) => Poll::Ready(Some(gave)),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        if gave.is_none() && !self.after.is_zero() {
            tokio::time::sleep(self.after).await;
        }
        gave
    }
}

/// Has a round give its call up after no poll, after one, and so on until it says that the call was done before that, some times in a row. And all that once
/// more, held so long before it is dropped.
///
/// # Panics
///
/// Where a round does, or the call is never done, or was done without a wait.
pub async fn at_every_poll(held: Duration, round: impl AsyncFn(GiveUp) -> bool) {
    for after in [Duration::ZERO, held] {
        let (mut polls, mut done) = (0, 0);
        while done < DONE {
            done = if round(GiveUp { polls, after }).await { done + 1 } else { 0 };
            polls += 1;
            assert!(polls < POLLS, "it is not done after {POLLS} polls");
        }
        assert!(polls > DONE + 1, "it was done without a wait");
    }
}

async fn given_up<F: IntoFuture>(
    call: F,
    polls: usize,
    is_impatient: bool,
    after: Duration,
) -> Option<F::Output> {
    let mut call = pin!(call.into_future());
    let steps = steps_of_a_poll().await;
    let mut left = polls;
    let gave = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        let steps = if left == polls { steps } else { steps - 1 };
        left -= 1;
        for _ in 0..steps {
            take_a_step(cx);
        }
        let poll = call.as_mut().poll(cx).map(Some);
        if is_impatient {
            cx.waker().wake_by_ref();
        } else if left == 0 && poll.is_pending() {
            return Poll::Ready(None);
        }
        poll
    })
    .await;
    if gave.is_none() && !after.is_zero() {
        tokio::time::sleep(after).await;
    }
    gave
}

/// How many steps tokio lets a task take in one poll. A poll of the caller's has just begun when this returns.
async fn steps_of_a_poll() -> usize {
    yield_now().await;
    let steps = poll_fn(|cx| {
        let mut steps = 0;
        while coop::has_budget_remaining() {
            take_a_step(cx);
            steps += 1;
            assert!(steps < STEPS, "it is polled by no runtime that counts steps");
        }
        Poll::Ready(steps)
    })
    .await;
    yield_now().await;
    steps
}

fn take_a_step(cx: &mut Context<'_>) {
    // Where none is left it is pending, and the task is woken to have new ones.
    let _ = pin!(coop::consume_budget()).poll(cx);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::mpsc;

    use super::*;

    /// Takes what waits in a channel, one after the other.
    async fn take_all(mut channel: mpsc::Receiver<()>, taken: &Cell<usize>) {
        while channel.recv().await.is_some() {
            taken.set(taken.get() + 1);
        }
    }

    #[test]
    fn a_poll_takes_one_step_though_more_could_be_taken() {
        step_by_step(async {
            for polls in 0..8 {
                let (send, channel) = mpsc::channel(5);
                for _ in 0..5 {
                    send.try_send(()).unwrap();
                }
                drop(send);
                let taken = Cell::new(0);
                let is_done = polled(take_all(channel, &taken), polls).await.is_some();
                // The first goes to the first step, and the sixth step is the end of the channel.
                assert_eq!((taken.get(), is_done), (polls.saturating_sub(1).min(5), polls >= 7));
            }
        });
    }

    #[test]
    fn what_is_not_woken_is_polled_again_all_the_same_or_not() {
        step_by_step(async {
            let polls = Cell::new(0);
            let never = || {
                poll_fn(|_| {
                    polls.set(polls.get() + 1);
                    Poll::<()>::Pending
                })
            };
            assert_eq!((polled(never(), 5).await, polls.take()), (None, 5));
            let woken = woken(never(), 5, Duration::ZERO);
            assert!(tokio::time::timeout(Duration::from_mins(1), woken).await.is_err());
            // Once as it began, and once with the clock.
            assert_eq!(polls.get(), 2);
        });
    }

    #[test]
    fn a_call_that_is_given_up_later_has_been_served_unheard() {
        step_by_step(async {
            for (after, is_served) in [(Duration::ZERO, false), (Duration::from_secs(1), true)] {
                let (ask, mut asked) = mpsc::channel::<mpsc::Sender<()>>(1);
                let (tell, served) = tokio::sync::oneshot::channel();
                tokio::spawn(async move {
                    let answer = asked.recv().await.unwrap();
                    let _ = tell.send(answer.send(()).await.is_ok());
                });
                let call = async {
                    let (answer, mut answered) = mpsc::channel(1);
                    ask.send(answer).await.unwrap();
                    answered.recv().await
                };
                assert_eq!(woken(call, 2, after).await, None);
                assert_eq!(served.await, Ok(is_served));
            }
        });
    }
}
