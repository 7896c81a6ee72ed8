//! Where ids come from: UUIDv7 whose order is that of their making, within this process to the last one.
//!
//! ```text
//!  48 bits            42 bits                        32 bits
//!  milliseconds       random in each millisecond,    random in each millisecond
//!                     then counted upwards
//! ```
//!
//! That is method 1 of RFC 9562, section 6.2. Randomness is drawn once in a millisecond: a program that runs code by the ten
//! thousand a second would spend a hundredth of its time on asking the system for it.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

const COUNTED: u128 = 1 << 32;
/// The counter has one bit more: room for as many ids as a millisecond may have.
const RANDOM: u128 = (1 << 73) - 1;
const WHOLE: u128 = (1 << 74) - 1;

static LAST: Mutex<Last> = Mutex::new(Last { millisecond: 0, below: 0 });

/// The newest id: its millisecond, and the 74 bits below.
#[derive(Debug)]
struct Last {
    millisecond: u64,
    below: u128,
}

/// A new id, above every other that this process has made.
pub(super) fn next() -> Uuid {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    LAST.lock().unwrap_or_else(PoisonError::into_inner).next(now, || Uuid::new_v4().as_u128())
}

impl Last {
    fn next(&mut self, now: u64, random: impl FnOnce() -> u128) -> Uuid {
        // A clock that was set back is not followed: order counts for more.
        if now > self.millisecond {
            // Of its 128 bits the six that are fixed lie in the middle.
            *self = Self { millisecond: now, below: fold(random()) & RANDOM };
        } else {
            self.below += COUNTED;
            if self.below > WHOLE {
                *self = Self { millisecond: self.millisecond + 1, below: fold(random()) & RANDOM };
            }
        }
        // The builder takes ten bytes, of which its own six bits replace the first four and the two after the next eight.
        let (high, low) = (self.below >> 62, self.below & ((1 << 62) - 1));
        let bytes = ((high << 64) | low).to_be_bytes();
        let mut ten = [0; 10];
        ten.iter_mut().zip(bytes.iter().skip(6)).for_each(|(to, from)| *to = *from);
        Builder::from_unix_timestamp_millis(self.millisecond, &ten).into_uuid()
    }
}

/// Both halves of a random UUID, one over the other, so that its fixed bits are fixed no more.
fn fold(random: u128) -> u128 {
    random ^ (random >> 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_through_a_full_counter_and_a_clock_that_is_set_back() {
        let mut last = Last { millisecond: 0, below: 0 };
        let mut ids = vec![last.next(1000, || u128::MAX)];
        ids.push(last.next(1000, || 0));
        ids.push(last.next(999, || 0));
        last.below = WHOLE;
        ids.push(last.next(1000, || 7));
        ids.push(last.next(1000, || 7));
        ids.push(last.next(1002, || 0));
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        assert!(ids.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
    }

    #[test]
    fn ids_of_many_threads_differ() {
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..10_000).map(|_| next()).collect::<Vec<_>>())).collect();
        let mut ids: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
