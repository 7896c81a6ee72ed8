//! The table that a person reads: a line for each figure.

use hibernaculum_benches::{Machine, Measured, Noise};

/// The machine, and the names of the columns.
pub(super) fn head(machine: &Machine) -> String {
    let Machine { cpu, cores, container_cpus, memory_mib, kernel, python, release_build, .. } = machine;
    let python = python.lines().next().unwrap_or_default();
    let containers = container_cpus.as_ref().map_or_else(String::new, |cpus| {
        format!("Containers, the floors' as well, are beside this `hib`: on processor {cpus}\n")
    });
    let mut text = format!(
        "{cpu}, {cores} {}, {memory_mib} MiB, Linux {kernel}\nPython {python}\n{containers}",
        if *cores == 1 { "core" } else { "cores" }
    );
    if !release_build {
        text.push_str("This `hib` is a debug build: build it with --release before you believe a figure.\n");
    }
    let names =
        format_args!("{:16} {:>14} {:>8} {:>8} {:>8}  target", "figure", "p50", "p99", "floor", "ratio");
    format!("{text}\n{names}\n")
}

/// One figure.
pub(super) fn line(measured: &Measured, about: &str) -> String {
    let with_unit = |value: f64| format!("{} {}", short(value), measured.unit);
    let floor = measured.floor_p50.map_or_else(|| "-".to_owned(), short);
    let ratio = measured.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2} x"));
    let verdict = match measured.is_held {
        Some(true) => "held",
        Some(false) => "missed",
        None => "",
    };
    format!(
        "{:16} {:>14} {:>8} {:>8} {:>8}  {:14} {:7} {about}\n",
        measured.name,
        with_unit(measured.p50),
        short(measured.p99),
        floor,
        ratio,
        measured.target,
        verdict
    )
}

/// A figure that was not taken.
pub(super) fn skipped(name: &str, reason: &str) -> String {
    format!("{name:16} skipped: {reason}\n")
}

/// How quiet the machine was.
pub(super) fn foot(machine: &Machine, noise: &Noise) -> String {
    let [before, after] = [noise.before, noise.after].map(|[p50, p99]| format!("{p50:.1} us (p99 {p99:.1})"));
    let mut text = format!("\nnoise: the floor's round trip took {before} at first, {after} at last\n");
    if noise.before[1] > 4.0 * noise.before[0] || noise.after[0] > 1.3 * noise.before[0] {
        text.push_str("That is a busy machine: look at ratios, not at figures.\n");
    }
    if machine.cores > 1 {
        text.push_str("Targets of latencies are meant for one core: taskset --cpu-list 0 hib bench\n");
    }
    text
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.2} M", value / 1e6),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(floor: Option<f64>) -> Measured {
        Measured {
            name: "roundtrip".to_owned(),
            backend: "local".to_owned(),
            unit: "us".to_owned(),
            n: 5000,
            min: 40.0,
            p50: 45.25,
            p99: 120.0,
            max: 9000.0,
            floor_p50: floor,
            target: "<= 1.8 x floor".to_owned(),
            is_held: floor.map(|_| true),
        }
    }

    #[test]
    fn a_line_tells_figure_floor_ratio_and_verdict() {
        let words = line(&measured(Some(25.0)), "there and back");
        let words: Vec<&str> = words.split_whitespace().collect();
        let expected = "roundtrip 45.2 us 120 25.0 1.81 x <= 1.8 x floor held there and back";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn what_has_no_floor_has_no_ratio() {
        let words = line(&measured(None), "");
        assert_eq!(
            words.split_whitespace().collect::<Vec<_>>().join(" "),
            "roundtrip 45.2 us 120 - - <= 1.8 x floor"
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.5, 12.34, 123.4, 1_234_567.0].map(short), ["0.50", "12.3", "123", "1.23 M"]);
    }
}
