//! Figures of Hibernaculum, each beside its floor in the same run.
//!
//! A machine varies from day to day and from minute to minute, so a figure alone says little. What is held to a target is its ratio to
//! the *floor*: the least that a bare Python process must do for the same job (`floor.py`), measured in turns with the product.
//!
//! ```text
//!  Contest: product × 20, floor × 20, product × 20 … ─▶ criterion's reports, and one line: p50, floor's p50, ratio, target
//!            │             │
//!            Product       Floor ── unix socket ── python3 floor.py MODE SOCKET
//!            a session of the local backend, on the same Python
//! ```
//!
//! `cargo bench -p hibernaculum-benches` runs all of them; `taskset --cpu-list 0` before it pins everything to one core.

mod contest;
mod floor;
mod product;

pub use contest::{Contest, Times};
pub use floor::{Floor, Mode, floor_script, print_lines};
pub use product::Product;
