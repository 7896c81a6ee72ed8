//! Which of the engine's processors containers run on: `0-3,7`, as the kernel writes it.

use hibernaculum_core::{ConfigError, Error, Unsupported};

use crate::daemon::Daemon;
use crate::features::NAME;

/// The highest number that is taken for one of a processor.
const HIGHEST: u32 = 65535;

/// Checks a list of processors, and that the engine can keep containers to one.
pub(crate) fn admit(list: Option<String>, daemon: &Daemon) -> Result<Option<String>, Error> {
    let Some(list) = list else { return Ok(None) };
    if !is_list(&list) {
        return Err(ConfigError::Invalid {
            field: "cpuset".to_owned(),
            value: list.chars().take(80).flat_map(char::escape_debug).collect(),
            rule: "must be numbers of processors and ranges of them, such as `0-3,7`".to_owned(),
        }
        .into());
    }
    if !daemon.has_cpusets {
        return Err(Unsupported {
            backend: NAME.to_owned(),
            what: "the setting `cpuset` at an engine without the control group for it".to_owned(),
            instead: "leave it out (`hib bench` sets it where it is pinned itself); `docker info` tells what the engine lacks"
                .to_owned(),
        }
        .into());
    }
    Ok(Some(list))
}

fn is_list(list: &str) -> bool {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| is_number && *number <= HIGHEST)
    };
    list.split(',').all(|part| match part.split_once('-') {
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
        None => number(part).is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_numbers_and_ranges() {
        for list in ["0", "0-3,7", "1,1", "2-2"] {
            assert!(is_list(list), "{list}");
        }
        for list in ["", ",", "0,", "3-1", "-1", "1-", "+1", "a", "0 1", "0-1-2", "99999999999", "70000"] {
            assert!(!is_list(list), "{list}");
        }
    }
}
