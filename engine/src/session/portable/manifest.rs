//! The runner's manifest, as far as the host reads it. A session wrote it, so that it is as hostile as everything from there.

use std::collections::BTreeMap;

use hibernaculum_core::{
    BLOB_LIMIT, ByteSize, CheckpointRecord, Manifest, RecordBlob, SavedVariable, StoredBlob, Treatment,
};
use serde::Deserialize;
use serde_json::Value;

/// The newest format that this version knows.
pub(super) const FORMAT: u64 = 1;
/// The most blobs of a checkpoint: two TiB of them.
pub(super) const MOST_BLOBS: usize = 1 << 18;

/// A blob, as the manifest names it.
#[derive(Debug, Deserialize)]
struct Blob {
    digest: String,
    bytes: u64,
}

/// What the host needs of it.
#[derive(Debug, Deserialize)]
struct Shape {
    format: u64,
    #[serde(default)]
    blobs: Vec<Blob>,
}

/// What people are told of it. Whatever is odd is left out: it is only told.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    python: String,
    implementation: String,
    count: u64,
    variables: Vec<Value>,
    imports: Vec<Value>,
    cwd: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    name: String,
    #[serde(default, rename = "type")]
    type_name: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    saved: Option<String>,
    #[serde(default)]
    skipped: Option<String>,
}

/// Whether a text may be the runner's name for a blob.
pub(in crate::session) fn is_digest(text: &str) -> bool {
    (8..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The blobs of a manifest, each found among those that are in the store; else what is wrong with it.
pub(super) fn blobs(
    manifest: &Value,
    known: &BTreeMap<String, StoredBlob>,
) -> Result<Vec<RecordBlob>, String> {
    let shape = Shape::deserialize(manifest).map_err(|error| format!("its manifest is none: {error}"))?;
    if shape.format != FORMAT {
        return Err(format!("its manifest has the format {}", shape.format));
    }
    if shape.blobs.len() > MOST_BLOBS {
        return Err(format!("its manifest names {} blobs", shape.blobs.len()));
    }
    let found = shape.blobs.into_iter().map(|named| match known.get(&named.digest) {
        Some(blob) if blob.bytes.as_u64() == named.bytes => Ok(RecordBlob::new(named.digest, blob.clone())),
        Some(blob) => Err(format!("its manifest tells {} bytes of a blob of {}", named.bytes, blob.bytes)),
        None => Err("its manifest names a blob that it did not send".to_owned()),
    });
    found.collect()
}

/// What a load would need, of a stored manifest.
#[derive(Debug)]
pub(crate) struct Wants {
    pub(crate) python: String,
}

/// Looks whether the stored manifest and the record's blobs fit; else the format that it has, or what is wrong.
pub(crate) fn check(record: &CheckpointRecord) -> Result<Wants, Result<u64, String>> {
    let shape = Shape::deserialize(&record.manifest)
        .map_err(|error| Err(format!("its manifest is none: {error}")))?;
    if shape.format > FORMAT {
        return Err(Ok(shape.format));
    }
    let fits = shape.blobs.len() == record.blobs.len()
        && shape.blobs.iter().zip(&record.blobs).all(|(named, stored)| {
            named.digest == stored.digest
                && named.bytes == stored.blob.bytes.as_u64()
                && stored.blob.bytes.as_usize() <= BLOB_LIMIT
        });
    if !fits {
        return Err(Err("its manifest and its list of blobs do not fit together".to_owned()));
    }
    let told = Told::deserialize(&record.manifest).unwrap_or_default();
    Ok(Wants { python: format!("{} {}", told.implementation, told.python) })
}

/// What is told of a stored checkpoint.
pub(crate) fn describe(record: CheckpointRecord) -> Manifest {
    let told = Told::deserialize(&record.manifest).unwrap_or_default();
    let mut manifest = Manifest::new(record.info, record.sandbox, told.python, told.implementation);
    manifest.labels = record.labels;
    manifest.count = told.count;
    manifest.variables = told.variables.iter().filter_map(variable).collect();
    manifest.imports = told.imports.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect();
    manifest.cwd = told.cwd;
    (manifest.raw, manifest.added) = (record.raw, record.added);
    manifest
}

fn variable(told: &Value) -> Option<SavedVariable> {
    let variable = Variable::deserialize(told).ok()?;
    let treatment = match (variable.saved, variable.skipped) {
        (Some(means), None) => Treatment::Saved(means),
        (_, Some(why)) => Treatment::Skipped(why),
        (None, None) => return None,
    };
    let size = variable.size.map(ByteSize::bytes);
    Some(SavedVariable::new(variable.name, variable.type_name, treatment).size(size))
}

#[cfg(test)]
mod tests {
    use hibernaculum_core::{BlobId, CheckpointId, CheckpointInfo, CheckpointKind, SandboxId, SessionId};
    use serde_json::json;

    use super::*;

    fn stored(bytes: u64) -> StoredBlob {
        StoredBlob::raw(BlobId::from_bytes([1; 32]), ByteSize::bytes(bytes))
    }

    #[test]
    fn a_manifest_names_only_what_was_sent() {
        let known = BTreeMap::from([("a".repeat(64), stored(5))]);
        let one =
            |digest: &str, bytes: u64| json!({"format": 1, "blobs": [{"digest": digest, "bytes": bytes}]});
        assert_eq!(blobs(&one(&"a".repeat(64), 5), &known).unwrap().len(), 1);
        assert!(blobs(&one(&"a".repeat(64), 6), &known).unwrap_err().contains("6 bytes"));
        assert!(blobs(&one(&"b".repeat(64), 5), &known).unwrap_err().contains("did not send"));
        assert!(blobs(&json!({"format": 2}), &known).unwrap_err().contains("format 2"));
        assert!(blobs(&json!([]), &known).is_err());
        assert!(blobs(&json!({"format": 1, "blobs": 3}), &known).is_err());
    }

    #[test]
    fn what_is_told_leaves_out_what_is_odd() {
        let manifest = json!({"format": 1, "python": "3.11.7", "implementation": "cpython", "variables": [
            {"name": "x", "type": "int", "size": 28, "saved": "pickle"},
            {"name": "s", "type": "socket", "skipped": "an open connection"},
            {"name": 7}, "odd"], "imports": ["import json", 3], "blobs": [{"digest": "a".repeat(64), "bytes": 5}]});
        let info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, SessionId::new());
        let mut record = CheckpointRecord::new(info, SandboxId::new(), manifest);
        assert!(matches!(check(&record), Err(Err(_))), "the blob is missing");
        record.blobs.push(RecordBlob::new("a".repeat(64), stored(5)));
        assert_eq!(check(&record).unwrap().python, "cpython 3.11.7");
        let told = describe(record);
        assert_eq!(told.variables.iter().map(SavedVariable::is_saved).collect::<Vec<_>>(), [true, false]);
        assert_eq!(told.imports, ["import json"]);
    }
}
