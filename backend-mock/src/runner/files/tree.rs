//! Files in memory, under the rules of the real worker: relative paths, no `..`, directories made on the way.

use std::collections::BTreeMap;

use bytes::Bytes;
use hibernaculum_engine::wire::ErrorData;
use hibernaculum_engine::wire::messages::File;

/// Names in a path.
const DEEPEST: usize = 200;
/// The longest name, in bytes, as Linux has it.
const LONGEST: usize = 255;

/// What is below the working directory, by path.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<Vec<String>, Node>);

#[derive(Debug, Clone)]
struct Node {
    /// `None`: a directory.
    content: Option<Bytes>,
    modified_ms: i64,
}

type Refused<T> = Result<T, ErrorData>;

/// The names of a path; none for the working directory itself.
pub(super) fn names(path: &str) -> Refused<Vec<String>> {
    let outside = |why: &str| Err(refusal("files.outside", path, why));
    if path.contains('\0') {
        return outside("it has a NUL character");
    }
    if path.starts_with('/') {
        return outside("it is absolute");
    }
    let names: Vec<String> =
        path.split('/').filter(|name| !matches!(*name, "" | ".")).map(str::to_owned).collect();
    if names.iter().any(|name| name == "..") {
        return outside("it has a `..`");
    }
    if names.len() > DEEPEST {
        return Err(refusal("files.refused", path, &format!("it has more than {DEEPEST} names")));
    }
    if names.iter().any(|name| name.len() > LONGEST) {
        return Err(refusal("files.refused", path, "File name too long"));
    }
    Ok(names)
}

impl Tree {
    pub(super) fn stat(&self, path: &str) -> Refused<File> {
        let names = names(path)?;
        let node = self.get(&names)?;
        let path = if names.is_empty() { ".".to_owned() } else { names.join("/") };
        Ok(told(path, &node))
    }

    pub(super) fn list(&self, path: &str) -> Refused<Vec<File>> {
        let names = names(path)?;
        if self.get(&names)?.content.is_some() {
            return Err(refusal("files.wrong_kind", path, "Not a directory"));
        }
        let inside = self.below(&names).filter(|(path, _)| path.len() == names.len() + 1);
        Ok(inside.map(|(path, node)| told(path.last().cloned().unwrap_or_default(), node)).collect())
    }

    pub(super) fn make_directory(&mut self, path: &str, now: i64) -> Refused<()> {
        self.directories(&names(path)?, now)
    }

    pub(super) fn write(&mut self, path: &str, content: Bytes, now: i64) -> Refused<File> {
        let names = names(path)?;
        self.writable(path)?;
        let (_, above) = names.split_last().ok_or_else(|| itself(path))?;
        self.directories(above, now)?;
        let node = Node { content: Some(content), modified_ms: now };
        let file = told(names.join("/"), &node);
        self.0.insert(names, node);
        Ok(file)
    }

    /// Refuses what an upload cannot take the place of.
    pub(super) fn writable(&self, path: &str) -> Refused<()> {
        let names = names(path)?;
        let (_, above) = names.split_last().ok_or_else(|| itself(path))?;
        for depth in 1..=above.len() {
            let way = above.get(..depth).unwrap_or_default();
            if self.0.get(way).is_some_and(|node| node.content.is_some()) {
                return Err(refusal("files.wrong_kind", &way.join("/"), "Not a directory"));
            }
        }
        match self.0.get(&names) {
            Some(Node { content: None, .. }) => Err(refusal("files.wrong_kind", path, "Is a directory")),
            _ => Ok(()),
        }
    }

    pub(super) fn read(&self, path: &str) -> Refused<(File, Bytes)> {
        let names = names(path)?;
        let node = self.get(&names)?;
        let file = told(names.join("/"), &node);
        let content = node.content.ok_or_else(|| refusal("files.wrong_kind", path, "it is a directory"))?;
        Ok((file, content))
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> Refused<()> {
        let (old, new) = (names(from)?, names(to)?);
        if old.is_empty() || new.is_empty() {
            return Err(itself("."));
        }
        let moved = self.get(&old)?;
        self.get(new.split_last().map_or(&[][..], |(_, above)| above))?;
        if old == new {
            return Ok(());
        }
        if new.starts_with(&old) {
            return Err(refusal("files.wrong_kind", to, "Invalid argument"));
        }
        match (self.0.get(&new), &moved.content) {
            (Some(Node { content: None, .. }), Some(_)) => {
                return Err(refusal("files.wrong_kind", to, "Is a directory"));
            }
            (Some(Node { content: Some(_), .. }), None) => {
                return Err(refusal("files.wrong_kind", to, "Not a directory"));
            }
            (Some(_), None) if self.below(&new).next().is_some() => {
                return Err(refusal("files.exists", to, "Directory not empty"));
            }
            _ => {}
        }
        let inside: Vec<Vec<String>> = self.below(&old).map(|(path, _)| path.clone()).collect();
        for path in std::iter::once(old.clone()).chain(inside) {
            if let Some(node) = self.0.remove(&path) {
                let rest = path.get(old.len()..).unwrap_or_default();
                self.0.insert([new.as_slice(), rest].concat(), node);
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> Refused<()> {
        let names = names(path)?;
        if names.is_empty() {
            return Err(itself(path));
        }
        self.get(&names)?;
        self.0.retain(|other, _| !other.starts_with(&names));
        Ok(())
    }

    fn get(&self, names: &[String]) -> Refused<Node> {
        if names.is_empty() {
            return Ok(Node { content: None, modified_ms: 0 });
        }
        for depth in 1..names.len() {
            let way = names.get(..depth).unwrap_or_default();
            match self.0.get(way) {
                None => return Err(missing(&way.join("/"))),
                Some(Node { content: Some(_), .. }) => {
                    return Err(refusal("files.wrong_kind", &way.join("/"), "Not a directory"));
                }
                Some(_) => {}
            }
        }
        self.0.get(names).cloned().ok_or_else(|| missing(&names.join("/")))
    }

    /// Everything inside a directory, at any depth.
    fn below<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = (&'a Vec<String>, &'a Node)> {
        let from = self.0.range(names.to_vec()..);
        from.take_while(move |(path, _)| path.starts_with(names))
            .filter(move |(path, _)| path.len() > names.len())
    }

    fn directories(&mut self, names: &[String], now: i64) -> Refused<()> {
        for depth in 1..=names.len() {
            let way = names.get(..depth).unwrap_or_default();
            match self.0.get(way) {
                Some(Node { content: Some(_), .. }) => {
                    return Err(refusal("files.wrong_kind", &way.join("/"), "Not a directory"));
                }
                Some(_) => {}
                None => drop(self.0.insert(way.to_vec(), Node { content: None, modified_ms: now })),
            }
        }
        Ok(())
    }
}

fn told(path: String, node: &Node) -> File {
    let (kind, size, mode) = match &node.content {
        Some(content) => ("file", content.len() as u64, 0o644),
        None => ("directory", 0, 0o755),
    };
    File { path, kind: kind.to_owned(), size, modified_ms: node.modified_ms, mode }
}

fn missing(path: &str) -> ErrorData {
    refusal("files.not_found", path, "No such file or directory")
}

fn itself(path: &str) -> ErrorData {
    refusal("files.wrong_kind", path, "it is the working directory itself")
}

/// Why a request for a path is not fulfilled, as the runner's workers say it.
fn refusal(code: &str, path: &str, problem: &str) -> ErrorData {
    ErrorData {
        code: code.to_owned(),
        what: format!("{path}: {problem}"),
        why: problem.to_owned(),
        how: "look at what is there with `list`".to_owned(),
    }
}
