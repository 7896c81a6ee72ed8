//! Which checkpoint is meant: by name, by id, by the beginning of an id.

use std::sync::Arc;

use hibernaculum::{Backend, CheckpointId, CheckpointInfo};

use crate::exit::Exit;
use crate::failure::Failure;

/// The checkpoint that is meant.
pub(crate) async fn find(backend: &Arc<dyn Backend>, which: &str) -> Result<CheckpointId, Failure> {
    choose(&backend.stored_checkpoints().await?, which)
}

/// The oldest come first. A name means the newest of that name.
fn choose(stored: &[CheckpointInfo], which: &str) -> Result<CheckpointId, Failure> {
    if let Some(named) = stored.iter().rev().find(|info| info.name.as_deref() == Some(which)) {
        return Ok(named.id);
    }
    let begins = |info: &&CheckpointInfo| {
        let id = info.id.to_string();
        !which.is_empty() && (id.starts_with(which) || id.trim_start_matches("chk_").starts_with(which))
    };
    let found: Vec<_> = stored.iter().filter(begins).map(|info| info.id).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Failure::new(
            Exit::NO_INPUT,
            "checkpoint.which",
            format!("there is no checkpoint `{which}`"),
            "no saved checkpoint has that name, or an id that begins so",
            "see what there is: hib checkpoint list",
        )),
        several => Err(Failure::new(
            Exit::USAGE,
            "checkpoint.which",
            format!("`{which}` may be any of {} checkpoints", several.len()),
            "their ids begin alike",
            "type more of the id, or use a name",
        )),
    }
}

#[cfg(test)]
mod tests {
    use hibernaculum::{CheckpointKind, SessionId};

    use super::*;

    fn stored(name: Option<&str>) -> CheckpointInfo {
        let mut info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, SessionId::new());
        info.name = name.map(str::to_owned);
        info
    }

    #[test]
    fn a_name_means_its_newest_and_an_id_may_be_cut_short() {
        let all = [stored(Some("a")), stored(None), stored(Some("a"))];
        assert_eq!(choose(&all, "a").unwrap(), all[2].id);
        let id = all[1].id.to_string();
        assert_eq!(choose(&all, &id).unwrap(), all[1].id);
        assert_eq!(choose(&all, id.trim_start_matches("chk_")).unwrap(), all[1].id);
        for which in ["b", "", "chk_"] {
            assert!(choose(&all, which).is_err(), "{which}");
        }
    }
}
