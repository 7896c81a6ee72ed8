//! One sandbox: its place, its control connection, and the way to open sessions in it.

mod control;
mod dial;
mod life;
pub(crate) mod loss;

pub(crate) use control::{Control, End, Order, Told, stream, timestamp};
pub(crate) use dial::{Dial, Dialer, Start};
pub(crate) use life::{Signs, live};
