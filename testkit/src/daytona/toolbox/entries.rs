//! Directory entries: told, made, moved, removed.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::Query;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::refusal::Refusal;
use super::inside::{Inside, broken, of_file};

#[derive(Deserialize)]
pub(super) struct At {
    path: String,
}

#[derive(Deserialize)]
pub(super) struct Listed {
    #[serde(default)]
    path: String,
    depth: Option<usize>,
}

pub(super) async fn list(
    inside: Inside,
    Query(Listed { path, depth }): Query<Listed>,
) -> Result<Json<Value>, Refusal> {
    let path = inside.path(&path);
    let mut entries = Vec::new();
    walk(&path, depth.unwrap_or(1).max(1), &mut entries).map_err(|error| of_file(&path, &error))?;
    Ok(Json(entries.into()))
}

fn walk(directory: &Path, depth: usize, entries: &mut Vec<Value>) -> std::io::Result<()> {
    let mut found: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    found.sort_by_key(std::fs::DirEntry::file_name);
    for entry in found {
        let metadata = entry.metadata()?;
        entries.push(told(&entry.path(), &metadata));
        if depth > 1 && metadata.is_dir() {
            walk(&entry.path(), depth - 1, entries)?;
        }
    }
    Ok(())
}

pub(super) async fn info(inside: Inside, Query(At { path }): Query<At>) -> Result<Json<Value>, Refusal> {
    let path = inside.path(&path);
    let metadata = tokio::fs::metadata(&path).await.map_err(|error| of_file(&path, &error))?;
    Ok(Json(told(&path, &metadata)))
}

/// The specs' `FileInfo`.
fn told(path: &Path, metadata: &Metadata) -> Value {
    let modified =
        metadata.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok()).unwrap_or_default();
    let mode = metadata.permissions().mode() & 0o7777;
    json!({
        "name": path.file_name().unwrap_or_default().to_string_lossy(), "path": path,
        "isDir": metadata.is_dir(), "size": metadata.len(), "mode": letters(metadata), "permissions": format!("{mode:04o}"),
        "modTime": modified.to_string(), "modifiedAt": modified.to_string(),
        "owner": metadata.uid().to_string(), "group": metadata.gid().to_string(),
    })
}

/// As `ls` has it: `-rw-r--r--`.
fn letters(metadata: &Metadata) -> String {
    let mode = metadata.permissions().mode();
    let kind = if metadata.is_dir() { 'd' } else { '-' };
    let bits = "rwxrwxrwx"
        .chars()
        .enumerate()
        .map(|(place, letter)| if mode & (0o400 >> place) == 0 { '-' } else { letter });
    std::iter::once(kind).chain(bits).collect()
}

#[derive(Deserialize)]
pub(super) struct Folder {
    path: String,
    mode: String,
}

pub(super) async fn folder(
    inside: Inside,
    Query(Folder { path, mode }): Query<Folder>,
) -> Result<StatusCode, Refusal> {
    let (path, mode) = (inside.path(&path), parse_mode(&mode)?);
    let making = async {
        tokio::fs::create_dir_all(&path).await?;
        tokio::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).await
    };
    making.await.map_err(|error| of_file(&path, &error))?;
    Ok(StatusCode::CREATED)
}

#[derive(Deserialize)]
pub(super) struct Move {
    source: String,
    destination: String,
}

pub(super) async fn rename(
    inside: Inside,
    Query(Move { source, destination }): Query<Move>,
) -> Result<StatusCode, Refusal> {
    let (source, destination) = (inside.path(&source), inside.path(&destination));
    if destination.exists() {
        return Err(Refusal::daemon(StatusCode::CONFLICT, "CONFLICT", "destination already exists"));
    }
    tokio::fs::rename(&source, &destination).await.map_err(|error| of_file(&source, &error))?;
    Ok(StatusCode::OK)
}

#[derive(Deserialize)]
pub(super) struct Remove {
    path: String,
    #[serde(default)]
    recursive: bool,
}

pub(super) async fn remove(
    inside: Inside,
    Query(Remove { path, recursive }): Query<Remove>,
) -> Result<StatusCode, Refusal> {
    let path = inside.path(&path);
    let is_directory =
        tokio::fs::symlink_metadata(&path).await.map_err(|error| of_file(&path, &error))?.is_dir();
    if is_directory && !recursive {
        return Err(Refusal::daemon(
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
            "cannot delete directory without recursive flag",
        ));
    }
    let removed = if is_directory {
        tokio::fs::remove_dir_all(&path).await
    } else {
        tokio::fs::remove_file(&path).await
    };
    removed.map_err(|error| of_file(&path, &error))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct Permissions {
    path: String,
    mode: Option<String>,
    owner: Option<String>,
    group: Option<String>,
}

/// Owners are numbers here; a name is refused.
pub(super) async fn permissions(
    inside: Inside,
    Query(wanted): Query<Permissions>,
) -> Result<StatusCode, Refusal> {
    let path = inside.path(&wanted.path);
    if let Some(mode) = &wanted.mode {
        let mode = std::fs::Permissions::from_mode(parse_mode(mode)?);
        tokio::fs::set_permissions(&path, mode).await.map_err(|error| of_file(&path, &error))?;
    }
    let (owner, group) = (parse_id(wanted.owner.as_deref())?, parse_id(wanted.group.as_deref())?);
    if owner.or(group).is_some() {
        chown(path, owner, group).await?;
    }
    Ok(StatusCode::OK)
}

async fn chown(path: PathBuf, owner: Option<u32>, group: Option<u32>) -> Result<(), Refusal> {
    let changed = tokio::task::spawn_blocking(move || {
        std::os::unix::fs::chown(&path, owner, group).map_err(|error| of_file(&path, &error))
    });
    changed.await.map_err(|error| broken(&error))?
}

fn parse_mode(mode: &str) -> Result<u32, Refusal> {
    u32::from_str_radix(mode, 8).map_err(|_| invalid(format!("invalid mode: {mode}")))
}

fn parse_id(id: Option<&str>) -> Result<Option<u32>, Refusal> {
    id.map(|id| id.parse().map_err(|_| invalid(format!("unknown user or group: {id}")))).transpose()
}

fn invalid(message: String) -> Refusal {
    Refusal::daemon(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
}
