//! Looking through files, and changing what is in them.

use std::path::Path;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Query;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::refusal::Refusal;
use super::inside::{Inside, of_file, parse};

#[derive(Deserialize)]
pub(super) struct Pattern {
    path: String,
    pattern: String,
}

/// Lines that hold the pattern, as it stands.
pub(super) async fn find(inside: Inside, Query(wanted): Query<Pattern>) -> Result<Json<Value>, Refusal> {
    let root = inside.path(&wanted.path);
    let mut found = Vec::new();
    for file in files(&root).map_err(|error| of_file(&root, &error))? {
        // What is no text has no lines.
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let lines = text.lines().enumerate().filter(|(_, line)| line.contains(&wanted.pattern));
        found.extend(lines.map(|(index, line)| json!({ "file": file, "line": index + 1, "content": line })));
    }
    Ok(Json(found.into()))
}

/// Paths whose name fits the pattern: `*` is anything.
pub(super) async fn search(inside: Inside, Query(wanted): Query<Pattern>) -> Result<Json<Value>, Refusal> {
    let root = inside.path(&wanted.path);
    let files = files(&root).map_err(|error| of_file(&root, &error))?;
    let fitting: Vec<String> = files
        .into_iter()
        .filter(|file| {
            let name = Path::new(file).file_name().unwrap_or_default();
            fits(&wanted.pattern, &name.to_string_lossy())
        })
        .collect();
    Ok(Json(json!({ "files": fitting })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replace {
    files: Vec<String>,
    pattern: String,
    new_value: String,
}

/// Every file for itself: one that fails says so.
pub(super) async fn replace(inside: Inside, body: Bytes) -> Result<Json<Value>, Refusal> {
    let Replace { files, pattern, new_value } = parse(&body)?;
    if pattern.is_empty() {
        return Err(Refusal::daemon(StatusCode::BAD_REQUEST, "BAD_REQUEST", "an empty pattern"));
    }
    let replaced = files.into_iter().map(|file| {
        let path = inside.path(&file);
        let done = std::fs::read_to_string(&path)
            .and_then(|text| std::fs::write(&path, text.replace(&pattern, &new_value)));
        match done {
            Ok(()) => json!({ "file": file, "success": true }),
            Err(error) => json!({ "file": file, "success": false, "error": error.to_string() }),
        }
    });
    Ok(Json(replaced.collect()))
}

/// Every regular file below a directory, or the file itself, in order.
fn files(root: &Path) -> std::io::Result<Vec<String>> {
    let metadata = std::fs::symlink_metadata(root)?;
    if metadata.is_file() {
        return Ok(vec![root.to_string_lossy().into_owned()]);
    }
    let mut found = Vec::new();
    if metadata.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(root)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            found.extend(files(&entry.path())?);
        }
    }
    Ok(found)
}

/// Whether a name is the pattern's, `*` standing for any characters and `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    let mut pattern_rest = pattern.chars();
    match (pattern_rest.next(), name.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = pattern_rest.as_str();
            name.char_indices()
                .map(|(at, _)| at)
                .chain([name.len()])
                .any(|at| name.get(at..).is_some_and(|end| fits(rest, end)))
        }
        (Some(wanted), Some(letter)) if wanted == '?' || wanted == letter => {
            fits(pattern_rest.as_str(), name.get(letter.len_utf8()..).unwrap_or_default())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_is_anything_and_a_question_mark_one_letter() {
        for (pattern, name) in [("*.py", "a.py"), ("*", ""), ("a?c", "abc"), ("*b*", "abc"), ("é*", "éa")] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.py", "a.pyc"), ("a?c", "ac"), ("", "a"), ("b*", "ab")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
