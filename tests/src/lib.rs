//! Tests that run the whole of Hibernaculum.
//!
//! | binary | holds |
//! |---|---|
//! | `conformance` | every backend of this build to the suite of `hibernaculum-testkit` |
//! | `saboteurs` | the suite itself to what it claims to notice |
//! | `load` | two hundred sessions at once to everything that one alone keeps |
//! | `versions` | portable checkpoints and snapshots to going from one CPython or backend to another |
//! | `streaming` | the host's memory to its bound, whatever is saved or restored |
//! | `daytona` | the stand-in for Daytona's service to what the official SDK expects of the real one |
//! | `claims` | the tables and documents to what they claim |
