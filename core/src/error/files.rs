//! What can befall a file of a sandbox.

use super::Retry;
use super::family::error_family;

error_family! {
    /// A path that leads nowhere, or out, or to something that cannot be used so.
    FilesError {
        /// Nothing of that name is there.
        NotFound {
            /// The path, relative to the working directory.
            path: String,
        } => {
            code: "files.not_found",
            what: "there is no `{path}` in the sandbox's working directory",
            why: "it was never made, was removed, or the path is misspelt",
            how: "list the directory to see what is there",
            retry: Retry::Never,
            test: "conformance: a_file_that_is_not_there_is_told",
        }
        /// Something is in the way.
        Exists {
            /// The path.
            path: String,
            /// What the system says.
            problem: String,
        } => {
            code: "files.exists",
            what: "something is in the way at `{path}`",
            why: "{problem}",
            how: "remove it first, or choose another name",
            retry: Retry::Never,
            test: "conformance: a_directory_with_files_is_not_replaced",
        }
        /// The path leaves the working directory, or could.
        Outside {
            /// The path.
            path: String,
            /// How.
            problem: String,
        } => {
            code: "files.outside",
            what: "the path `{path}` is refused: {problem}",
            why: "files are moved within the sandbox's working directory only, and links are never followed",
            how: "use a path relative to the working directory, without `..` and links",
            retry: Retry::Never,
            test: "conformance: paths_that_leave_the_working_directory_are_refused",
        }
        /// It is there, but not what was expected.
        WrongKind {
            /// The path.
            path: String,
            /// What it is.
            problem: String,
        } => {
            code: "files.wrong_kind",
            what: "`{path}` cannot be used so: {problem}",
            why: "only regular files have content, and only directories have entries",
            how: "look at the file's kind with `stat`",
            retry: Retry::Never,
            test: "conformance: a_fifo_is_not_waited_for",
        }
        /// There is no room for it.
        NoRoom {
            /// The path.
            path: String,
            /// What the system says.
            problem: String,
        } => {
            code: "files.no_room",
            what: "there is no room for `{path}`: {problem}",
            why: "the disk is full, or the sandbox's limit is reached",
            how: "remove what is not needed, or raise the limit",
            retry: Retry::Never,
            test: "conformance: a_file_beyond_the_limit_leaves_nothing",
        }
        /// A path of the caller's own machine cannot be used.
        Host {
            /// The path, as it was given.
            path: String,
            /// What the system says.
            problem: String,
        } => {
            code: "files.host",
            what: "`{path}` on this machine cannot be used: {problem}",
            why: "it is missing, is something else than was expected, or may not be read or written",
            how: "check the path and its rights",
            retry: Retry::Never,
            test: "tests: a_path_of_this_machine_that_cannot_be_used_is_told",
        }
        /// The sandbox's system refuses.
        Refused {
            /// The path.
            path: String,
            /// What it says.
            problem: String,
        } => {
            code: "files.refused",
            what: "the sandbox's system refuses `{path}`: {problem}",
            why: "a name that is too long, missing rights, a file system that is read-only, or too much at once",
            how: "see what the system says",
            retry: Retry::Never,
            test: "conformance: a_name_that_is_too_long_is_refused",
        }
    }
}
