//! How long it takes to save a session and to restore one: 100 MB that no compressor shortens.
//!
//! The floor is what any program pays for the same bytes: one write to a new file, synced, as the store's are; one read into a buffer.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hibernaculum::Feature;

use super::{Bound, Figure, Taken, Unit, contest};
use crate::bench::Bench;
use crate::product::Product;
use crate::stored::Stored;
use crate::trouble::Trouble;

const BYTES: usize = 100_000_000;
/// Each costs a write of all the bytes, twice.
const TIMES: u64 = 8;

/// The most that may be on the disk for so many bytes of data.
const ON_DISK: u64 = BYTES as u64 / 10 * 12;
/// The most that may be there for nothing new: a record, and what a file system makes of small files.
const FOR_NOTHING: u64 = 1_000_000;

pub(super) const SAVE: Figure = Figure {
    name: "portable_save_100m",
    about: "a portable checkpoint of a session with 100 MB of noise",
    is_quick: false,
    unit: Unit::Milliseconds,
    bound: Bound::AtMost(500.0),
    take: |bench: &Bench| -> Result<Taken, Trouble> {
        need_store(bench)?;
        let (product, floor) = (bench.product(), Floor::new()?);
        // New noise for each: what is stored already would cost nothing.
        contest(
            TIMES,
            || {
                product.fill(BYTES)?;
                Ok(save_within(bench, ON_DISK)?.0)
            },
            || Ok(floor.write()?),
        )
    },
};

pub(super) const SAVE_AGAIN: Figure = Figure {
    name: "portable_save_again",
    about: "one more of the same session, unchanged",
    bound: Bound::AtMost(150.0),
    take: |bench: &Bench| -> Result<Taken, Trouble> {
        saved(bench)?;
        let floor = Floor::new()?;
        contest(TIMES, || Ok(save_within(bench, FOR_NOTHING)?.0), || Ok(floor.write()?))
    },
    ..SAVE
};

pub(super) const ON_DISK_100M: Figure = Figure {
    name: "portable_disk_100m",
    about: "what a portable checkpoint of 100 MB adds to the store's directory",
    unit: Unit::Megabytes,
    bound: Bound::AtMost(120.0),
    take: |bench: &Bench| -> Result<Taken, Trouble> {
        need_directory(bench)?;
        bench.product().fill(BYTES)?;
        let (_, bytes) = save_within(bench, u64::MAX)?;
        #[expect(clippy::cast_precision_loss, reason = "megabytes are shown")]
        let megabytes = bytes as f64 / 1e6;
        Ok(Taken::Number(megabytes))
    },
    ..SAVE
};

pub(super) const RESTORE: Figure = Figure {
    name: "portable_restore_100m",
    about: "restoring it in the same session",
    take: |bench: &Bench| -> Result<Taken, Trouble> {
        let (product, floor) = (saved(bench)?, Floor::new()?);
        floor.write()?;
        contest(TIMES, || Ok(product.restore()?), || Ok(floor.read()?))
    },
    ..SAVE
};

fn need_store(bench: &Bench) -> Result<(), Trouble> {
    if bench.product().offers(Feature::PortableCheckpoints) {
        return Ok(());
    }
    Err(Trouble::Skipped("the backend has no checkpoint store".to_owned()))
}

fn need_directory(bench: &Bench) -> Result<(), Trouble> {
    need_store(bench)?;
    match bench.store() {
        Some(_) => Ok(()),
        None => Err(Trouble::Skipped("the checkpoint store is in no directory of this machine".to_owned())),
    }
}

/// Saves the session; tells how long it took, and what it added to the disk, which must not be more than so much. Of a store that is elsewhere, what
/// it says itself.
fn save_within(bench: &Bench, most: u64) -> Result<(Duration, u64), Trouble> {
    let look = || bench.store().map(Stored::look).transpose();
    let before = look()?;
    let (took, told) = bench.product().save()?;
    let added = match (look()?, before) {
        (Some(after), Some(before)) => after.added_since(&before).most(),
        _ => told.added,
    };
    assert!(added <= most, "{added} bytes came to the store's disk, and {most} may; it says {told:?}");
    Ok((took, added))
}

/// A session that holds the data and was saved.
fn saved(bench: &Bench) -> Result<&Product, Trouble> {
    need_store(bench)?;
    let product = bench.product();
    product.fill(BYTES)?;
    product.save()?;
    Ok(product)
}

/// A file where the local backend's store is by default: below the temporary directory.
struct Floor {
    path: PathBuf,
    data: Vec<u8>,
}

impl Floor {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("hib-bench-{}", std::process::id()));
        let mut data = vec![0; BYTES];
        File::open("/dev/urandom")?.read_exact(&mut data)?;
        Ok(Self { path, data })
    }

    fn write(&self) -> io::Result<Duration> {
        // A new file, as the store's are: else the old one's blocks would be given back within the time that counts.
        let _ = std::fs::remove_file(&self.path);
        let start = Instant::now();
        let mut file = File::create(&self.path)?;
        file.write_all(&self.data)?;
        file.sync_all()?;
        Ok(start.elapsed())
    }

    fn read(&self) -> io::Result<Duration> {
        let start = Instant::now();
        let mut data = vec![0; BYTES];
        File::open(&self.path)?.read_exact(&mut data)?;
        assert_eq!(data.last(), self.data.last(), "a part of the file is no file");
        Ok(start.elapsed())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = std::fs::remove_file(&self.path);
    }
}
