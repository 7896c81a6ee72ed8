//! What is asked on a connection for files, and answered.

use serde::{Deserialize, Serialize};

use super::{Call, Done, Notice};

/// A file, as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its path, relative to the working directory; in a list, its name in that directory.
    pub path: String,
    /// `file`, `directory`, `symlink` or `other`.
    pub kind: String,
    /// Its size, in bytes.
    #[serde(default)]
    pub size: u64,
    /// When its content last changed, in milliseconds since the epoch.
    #[serde(default)]
    pub modified_ms: i64,
    /// Its permission bits.
    #[serde(default)]
    pub mode: u32,
}

/// The last entries of a directory; those before them came as [`FilesEntries`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileList {
    /// Entries of the directory, sorted by name.
    pub files: Vec<File>,
}

macro_rules! calls_with_a_path {
    ($($(#[$meta:meta])* $name:ident $method:literal -> $answer:ty,)*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name {
                /// The path, relative to the working directory.
                pub path: String,
            }

            impl Call for $name {
                const METHOD: &'static str = $method;
                type Answer = $answer;
            }
        )*
    };
}

calls_with_a_path! {
    /// Tell about a file.
    FilesStat "files.stat" -> File,
    /// List a directory.
    FilesList "files.list" -> FileList,
    /// Make a directory, and those above it.
    FilesMkdir "files.mkdir" -> Done,
    /// Remove a file, or a directory with everything in it.
    FilesRemove "files.remove" -> Done,
    /// Send a file: its bytes follow the answer as chunks with the request's id, then [`FilesEnd`].
    FilesDownload "files.download" -> File,
    /// Write a file: its bytes follow the request as chunks with its id, then [`FilesEnd`]; the answer comes when all is there.
    FilesUpload "files.upload" -> File,
}

/// Rename a file or directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesRename {
    /// What it is called.
    pub path: String,
    /// What it shall be called.
    pub to: String,
}

impl Call for FilesRename {
    const METHOD: &'static str = "files.rename";
    type Answer = Done;
}

/// Send everything as an archive: it follows the answer as chunks with the request's id, then come [`FilesPacked`] and [`FilesEnd`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesPack {}

impl Call for FilesPack {
    const METHOD: &'static str = "files.pack";
    type Answer = Done;
}

/// Make what an archive holds: it follows the request as chunks with its id, then [`FilesEnd`]; the answer comes when all is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesUnpack {}

impl Call for FilesUnpack {
    const METHOD: &'static str = "files.unpack";
    type Answer = FilesPacked;
}

/// What an archive held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesPacked {
    /// How many files, directories and links.
    pub files: u64,
    /// What it could not hold, or only in part, and why.
    pub skipped: Vec<String>,
}

impl Notice for FilesPacked {
    const METHOD: &'static str = "files.packed";
}

/// Entries of a directory, ahead of those in the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesEntries {
    /// Entries of the directory, sorted by name.
    pub files: Vec<File>,
}

impl Notice for FilesEntries {
    const METHOD: &'static str = "files.entries";
}

/// What was asked is still being done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesBusy {
    /// How many files have been dealt with.
    pub done: u64,
}

impl Notice for FilesBusy {
    const METHOD: &'static str = "files.busy";
}

/// All bytes of a transfer have been sent, or as many as could be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesEnd {
    /// The transfer's number.
    pub transfer: u64,
    /// How many bytes were sent.
    pub bytes: u64,
    /// What kept the rest from being read, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Notice for FilesEnd {
    const METHOD: &'static str = "files.end";
}
