//! How fast files go in and out.

use super::{Bound, Figure, Taken, Unit, alone};
use crate::bench::Bench;
use crate::trouble::Trouble;

const BYTES: usize = 256 << 20;

pub(super) const UPLOAD: Figure = Figure {
    name: "upload",
    about: "a file of 256 MiB into the sandbox",
    is_quick: true,
    #[expect(clippy::cast_precision_loss, reason = "it is exact")]
    unit: Unit::MegabytesPerSecond(BYTES as f64),
    bound: Bound::AtLeast(200.0),
    take: |bench: &Bench| -> Result<Taken, Trouble> { alone(4, || Ok(bench.product().upload(BYTES)?)) },
};

pub(super) const DOWNLOAD: Figure = Figure {
    name: "download",
    about: "the same file out of it",
    take: |bench: &Bench| -> Result<Taken, Trouble> {
        bench.product().upload(BYTES)?;
        alone(4, || Ok(bench.product().download(BYTES)?))
    },
    ..UPLOAD
};
