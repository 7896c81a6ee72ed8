//! One timer for many deadlines: it may go off too early, never too late.

use std::pin::Pin;

use tokio::time::{Instant, Sleep};

/// A timer that is moved only where it must go off earlier: most deadlines of a fast session are never reached.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether it has yet to go off. The timer itself cannot tell: it may have run out before anybody looked.
    armed: bool,
}

impl Alarm {
    /// Goes off at `due` or earlier.
    pub(super) fn set(&mut self, due: Option<Instant>) {
        let Some(due) = due else { return };
        match &mut self.sleep {
            Some(sleep) if self.armed && sleep.deadline() <= due => return,
            Some(sleep) => sleep.as_mut().reset(due),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(due))),
        }
        self.armed = true;
    }

    /// Waits until it goes off.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn ring(&mut self) {
        match &mut self.sleep {
            Some(sleep) if self.armed => sleep.as_mut().await,
            _ => std::future::pending().await,
        }
        self.armed = false;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_even_if_nobody_looked_when_time_ran_out() {
        let mut alarm = Alarm::default();
        let due = Instant::now() + Duration::from_millis(10);
        alarm.set(Some(due));
        tokio::time::sleep(Duration::from_secs(1)).await;
        alarm.set(Some(due));
        alarm.ring().await;
        alarm.set(Some(Instant::now() + Duration::from_secs(2)));
        alarm.set(Some(Instant::now() + Duration::from_secs(1)));
        let began = Instant::now();
        alarm.ring().await;
        assert_eq!(began.elapsed(), Duration::from_secs(1), "the earlier of the two");
    }
}
