//! Files into a sandbox and out of it.

use std::collections::BTreeMap;
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::extract::multipart::Field;
use axum::extract::{Multipart, Query};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use axum::{Extension, Json};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio_util::io::ReaderStream;

use super::super::gate::Parts;
use super::super::refusal::Refusal;
use super::inside::{Inside, broken, of_file, parse};

/// How much is read and written at once.
const PIECE: usize = 256 << 10;

#[derive(Deserialize)]
pub(super) struct At {
    path: String,
}

pub(super) async fn download(inside: Inside, Query(At { path }): Query<At>) -> Result<Response, Refusal> {
    let path = inside.path(&path);
    let file = tokio::fs::File::open(&path).await.map_err(|error| of_file(&path, &error))?;
    let metadata = file.metadata().await.map_err(|error| of_file(&path, &error))?;
    if metadata.is_dir() {
        return Err(Refusal::daemon(StatusCode::BAD_REQUEST, "BAD_REQUEST", "path must point to a file"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().replace(['"', '\\', '\r', '\n'], "_");
    Response::builder()
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_LENGTH, metadata.len())
        .header(CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .body(Body::from_stream(ReaderStream::with_capacity(file, PIECE)))
        .map_err(|error| broken(&error))
}

#[derive(Deserialize)]
struct Wanted {
    paths: Vec<String>,
}

const BOUNDARY: &str = "stand-in-boundary-of-parts";

/// A part for each path: the file, or an error as JSON.
pub(super) async fn bulk_download(inside: Inside, body: Bytes) -> Result<Response, Refusal> {
    let Wanted { paths } = parse(&body)?;
    if paths.is_empty() {
        return Err(Refusal::bare(
            StatusCode::BAD_REQUEST,
            "request body must be {paths: [ ... ]} and non-empty",
        ));
    }
    let parts = stream::iter(paths).then(move |path| {
        let at = inside.path(&path);
        async move { part(&path, &at).await }
    });
    let end = stream::once(async { Ok(Bytes::from(format!("--{BOUNDARY}--\r\n"))) });
    Response::builder()
        .header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Body::from_stream(parts.flatten().chain(end)))
        .map_err(|error| broken(&error))
}

type Piece = std::io::Result<Bytes>;

async fn part(named: &str, path: &Path) -> stream::BoxStream<'static, Piece> {
    let name = named.replace(['"', '\\', '\r', '\n'], "_");
    let opened = async {
        let file = tokio::fs::File::open(path).await?;
        let metadata = file.metadata().await?;
        if metadata.is_dir() {
            return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
        }
        Ok((file, metadata.len()))
    };
    let head = |kind: &str, content: &str, length: u64| {
        Bytes::from(format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{kind}\"; filename=\"{name}\"\r\n\
             Content-Type: {content}\r\nContent-Length: {length}\r\n\r\n"
        ))
    };
    let end = stream::once(async { Ok(Bytes::from_static(b"\r\n")) });
    match opened.await {
        Ok((file, length)) => {
            let head = stream::iter([Ok(head("file", "application/octet-stream", length))]);
            head.chain(ReaderStream::with_capacity(file, PIECE)).chain(end).boxed()
        }
        Err(error) => {
            let (status, code) = match error.kind() {
                std::io::ErrorKind::NotFound => (404, "FILE_NOT_FOUND"),
                std::io::ErrorKind::PermissionDenied => (403, "FILE_ACCESS_DENIED"),
                _ => (400, "BAD_REQUEST"),
            };
            let told = json!({ "message": format!("{named}: {error}"), "statusCode": status, "code": code })
                .to_string();
            let head = head("error", "application/json", told.len() as u64);
            stream::iter([Ok(head), Ok(Bytes::from(told))]).chain(end).boxed()
        }
    }
}

/// One file, whose path is in the query.
pub(super) async fn upload(
    inside: Inside,
    Query(At { path }): Query<At>,
    mut parts: Multipart,
) -> Result<Json<Value>, Refusal> {
    let at = inside.path(&path);
    while let Some(field) = parts.next_field().await.map_err(|error| invalid(&error))? {
        if field.name() == Some("file") {
            write(&at, field).await.map_err(|error| of_file(&at, &error))?;
            let name = at.file_name().unwrap_or_default().to_string_lossy();
            return Ok(Json(json!({ "name": name, "path": at, "type": "file" })));
        }
    }
    Err(Refusal::daemon(StatusCode::BAD_REQUEST, "BAD_REQUEST", "no file in the form"))
}

/// Many files: for each `files[i].path`, then `files[i].file`. A file whose path has not come cannot be written.
pub(super) async fn bulk_upload(
    inside: Inside,
    parts: Multipart,
) -> (Extension<Parts>, Result<StatusCode, Refusal>) {
    let mut names = Vec::new();
    let done = write_all(&inside, parts, &mut names).await;
    (Extension(Parts(names)), done)
}

async fn write_all(
    inside: &Inside,
    mut parts: Multipart,
    names: &mut Vec<String>,
) -> Result<StatusCode, Refusal> {
    let (mut paths, mut written, mut errors) = (BTreeMap::new(), Vec::new(), Vec::new());
    while let Some(field) = parts.next_field().await.map_err(|error| invalid(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        names.push(name.clone());
        let Some((index, what)) = name.strip_prefix("files[").and_then(|name| name.split_once("].")) else {
            continue;
        };
        match what {
            "path" => {
                paths.insert(index.to_owned(), field.text().await.map_err(|error| invalid(&error))?);
            }
            "file" => match paths.get(index) {
                Some(path) => match write(&inside.path(path), field).await {
                    Ok(()) => written.push(path.clone()),
                    Err(error) => errors.push(format!("{path}: {error}")),
                },
                None => errors.push(format!("file {index} came before its path")),
            },
            _ => {}
        }
    }
    if errors.is_empty() { Ok(StatusCode::OK) } else { Err(Refusal::uploads(errors, written)) }
}

/// Writes a part, with the directories above.
async fn write(path: &Path, mut field: Field<'_>) -> std::io::Result<()> {
    if let Some(above) = path.parent() {
        tokio::fs::create_dir_all(above).await?;
    }
    let mut file = BufWriter::with_capacity(PIECE, tokio::fs::File::create(path).await?);
    while let Some(piece) = field.chunk().await.map_err(std::io::Error::other)? {
        file.write_all(&piece).await?;
    }
    file.flush().await
}

fn invalid(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::bare(StatusCode::BAD_REQUEST, error.to_string())
}
