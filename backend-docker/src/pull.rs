//! Gets an image from its registry, and says how far it is.

use std::collections::HashMap;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{CreateImageInfo, ProgressDetail};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use hibernaculum_engine::Tail;

/// From how many bytes on a layer's way is told in quarters.
const LARGE: u64 = 50_000_000;

/// Pulls one image. Without credentials: what is private is pulled by whoever has logged in, before.
pub(crate) async fn pull(
    docker: &Docker,
    name: &str,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), Error> {
    let options = CreateImageOptionsBuilder::default().from_image(&one_of(name)).build();
    let (mut pulling, mut steps) = (docker.create_image(Some(options), None, None), Steps::default());
    while let Some(step) = pulling.next().await {
        if let Some(line) = steps.next(step?) {
            tell(&line);
        }
    }
    Ok(())
}

/// The engine takes a name without a tag for all the tags there are, of which Python has thousands; everybody means the latest.
fn one_of(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

/// What was said last of each layer.
#[derive(Default)]
struct Steps(HashMap<String, String>);

impl Steps {
    /// A line for it, unless it says nothing new: the engine tells every few kilobytes.
    fn next(&mut self, step: CreateImageInfo) -> Option<String> {
        let (id, mut line) = (step.id.unwrap_or_default(), step.status?);
        if let Some(way) = step.progress_detail.as_ref().and_then(way) {
            line = format!("{line} {way}");
        }
        if !id.is_empty() {
            line = format!("{id}: {line}");
        }
        let line = Tail::printable(line.as_bytes());
        let before = self.0.insert(id, line.clone());
        (before.as_ref() != Some(&line)).then_some(line)
    }
}

/// How far, of how much.
fn way(progress: &ProgressDetail) -> Option<String> {
    let total = u64::try_from(progress.total?).ok().filter(|total| *total > 0)?;
    let current = u64::try_from(progress.current.unwrap_or_default()).unwrap_or_default().min(total);
    let tenths = total.saturating_add(50_000) / 100_000;
    let size = format!("{}.{} MB", tenths / 10, tenths % 10);
    if total < LARGE {
        return Some(format!("({size})"));
    }
    let quarters = current.saturating_mul(4) / total;
    Some(format!("({} % of {size})", quarters * 25))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str, status: &str, current: i64, total: i64) -> CreateImageInfo {
        let progress = ProgressDetail { current: Some(current), total: Some(total) };
        let (id, status) = (Some(id.to_owned()), Some(status.to_owned()));
        CreateImageInfo { id, status, progress_detail: Some(progress), ..CreateImageInfo::default() }
    }

    #[test]
    fn a_name_is_of_one_image() {
        for (name, one) in [
            ("python", "python:latest"),
            ("python:3.13", "python:3.13"),
            ("localhost:5000/python", "localhost:5000/python:latest"),
            ("localhost:5000/python:3.13", "localhost:5000/python:3.13"),
            ("python@sha256:ab", "python@sha256:ab"),
        ] {
            assert_eq!(one_of(name), one);
        }
    }

    #[test]
    fn every_step_is_told_once_and_a_large_one_in_quarters() {
        let mut steps = Steps::default();
        let mut all = Vec::new();
        for percent in 0..=100 {
            all.extend(steps.next(step("a", "Downloading", percent * 1_000_000, 100_000_000)));
            all.extend(steps.next(step("b", "Downloading", percent, 100)));
        }
        all.extend(steps.next(step("a", "Extracting", 0, 0)));
        all.extend(
            steps.next(CreateImageInfo {
                status: Some("Status: \x1bdone".into()),
                ..CreateImageInfo::default()
            }),
        );
        let expected = [
            "a: Downloading (0 % of 100.0 MB)",
            "b: Downloading (0.0 MB)",
            "a: Downloading (25 % of 100.0 MB)",
            "a: Downloading (50 % of 100.0 MB)",
            "a: Downloading (75 % of 100.0 MB)",
            "a: Downloading (100 % of 100.0 MB)",
            "a: Extracting",
            "Status: \\u{1b}done",
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn nonsense_is_no_way() {
        let of = |current, total| way(&ProgressDetail { current, total });
        assert_eq!(of(Some(1), None), None);
        assert_eq!(of(Some(-1), Some(-5)), None);
        assert_eq!(of(Some(i64::MAX), Some(100_000_000)).as_deref(), Some("(100 % of 100.0 MB)"));
    }
}
