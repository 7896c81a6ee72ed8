//! What an idle session holds: the growth of what the system counts for all processes of a sandbox.

use std::fs;

use hibernaculum::{SandboxId, SandboxSpec};

use super::{Bound, Figure, PANDAS, Taken, Unit, need_pandas};
use crate::bench::Bench;
use crate::trouble::Trouble;

/// Sessions that are open when counting begins: what the first ones share is not theirs.
const FEW: usize = 10;
/// Sessions that are open when it ends.
const MANY: usize = 60;

pub(super) const IDLE_PLAIN: Figure = Figure {
    name: "idle_plain",
    about: "memory of one more idle session that has answered once",
    is_quick: false,
    unit: Unit::Megabytes,
    bound: Bound::AtMost(1.6),
    take: |bench| idle(bench, &[]),
};

pub(super) const IDLE_PANDAS: Figure = Figure {
    name: "idle_pandas",
    about: "the same, with numpy and pandas preloaded",
    bound: Bound::AtMost(3.0),
    take: |bench| {
        need_pandas(bench)?;
        idle(bench, &PANDAS)
    },
    ..IDLE_PLAIN
};

fn idle(bench: &Bench, modules: &[&str]) -> Result<Taken, Trouble> {
    let spec =
        SandboxSpec::builder().preload(modules.iter().copied()).build().map_err(hibernaculum::Error::from)?;
    let product = bench.another(spec)?;
    let grown = (|| {
        // The product has one session already.
        product.idle_sessions(FEW - 1)?;
        let few = held_by(&product.sandbox())?;
        product.idle_sessions(MANY - FEW)?;
        Ok::<_, Trouble>(held_by(&product.sandbox())?.saturating_sub(few))
    })();
    product.close()?;
    let kilobytes = u32::try_from(grown?).unwrap_or(u32::MAX);
    let sessions = u32::try_from(MANY - FEW).unwrap_or(u32::MAX);
    Ok(Taken::Number(f64::from(kilobytes) * 1024.0 / 1e6 / f64::from(sessions)))
}

/// Proportional set size and page tables, in KiB, of every process here that carries the sandbox's id in its environment.
fn held_by(sandbox: &SandboxId) -> Result<u64, Trouble> {
    let mark = format!("={sandbox}").into_bytes();
    let mut held = 0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let process = entry.path();
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        if environment.split(|&byte| byte == 0).any(|variable| variable.ends_with(&mark)) {
            // One that ends meanwhile holds nothing.
            let told = |file: &str| fs::read_to_string(process.join(file)).unwrap_or_default();
            held += field(&told("smaps_rollup"), "Pss:") + field(&told("status"), "VmPTE:");
        }
    }
    if held == 0 {
        return Err(Trouble::Skipped("the sandbox's processes are not on this machine".to_owned()));
    }
    Ok(held)
}

/// The number behind a name, in a file of lines such as `Pss:   1234 kB`.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_number_behind_its_own_name() {
        let text = "Rss:   7 kB\nPss:     1234 kB\nPss_Dirty:   5 kB\n";
        assert_eq!((field(text, "Pss:"), field(text, "Swap:")), (1234, 0));
    }
}
