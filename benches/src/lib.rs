//! Figures of Hibernaculum, each beside its floor in the same run.
//!
//! A machine varies from day to day and from minute to minute, so a figure alone says little. What is held to a target is its ratio to
//! the *floor*: the least that a bare Python process must do for the same job (`floor.py`), measured in turns with the product.
//!
//! ```text
//!  Bench ── Figure::measure ─▶ Contest: product × 20, floor × 20, product × 20 … ─▶ Measured: p50, floor's p50, target ─▶ Report
//!    │                           │             │
//!    Product                     │             Floor ── unix socket ── python3 -c FLOOR.PY MODE SOCKET
//!    a session of any backend ◀──┘
//! ```
//!
//! | for | see |
//! |---|---|
//! | the list of figures, and how each is taken | [`figures`](FIGURES): `figures/` |
//! | what a figure is told as | [`Report`], which is what `hib bench --json` prints |
//! | product and floor in turns | [`Contest`] |
//!
//! `hib bench` runs the figures for whoever wants to judge a machine; `cargo bench -p hibernaculum-benches` runs three of them under criterion, which keeps
//! and compares. `taskset --cpu-list 0` before either pins everything to one core; containers, of the product and of its floor, are put on the one beside it
//! (`placement`).
//!
//! # Example
//!
//! ```no_run
//! use hibernaculum_benches::{Bench, FIGURES};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let backend = hibernaculum::LocalBackend::builder().build()?;
//! let bench = Bench::open("local", backend, Bench::runtime()?)?;
//! let roundtrip = FIGURES.iter().find(|figure| figure.name == "roundtrip").ok_or("no such figure")?;
//! println!("{:?}", roundtrip.measure(&bench)?);
//! # Ok(()) }
//! ```

mod bench;
mod contest;
mod figures;
mod floor;
#[cfg(feature = "docker")]
mod placement;
mod product;
mod report;
mod stateful;
mod stdio;
mod stored;
mod trouble;

pub use bench::Bench;
pub use contest::{Contest, Times};
#[cfg(feature = "docker")]
pub use figures::docker_figures;
pub use figures::{FIGURES, Figure};
pub use floor::{Floor, Mode, cold_start, print_lines};
pub use product::{Product, Told};
pub use report::{Machine, Measured, Noise, Report, Skipped};
pub use stateful::Stateful;
pub use trouble::Trouble;
