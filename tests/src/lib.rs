//! Tests that run the whole of Hibernaculum.
//!
//! | binary | holds |
//! |---|---|
//! | `conformance` | every backend of this build to the suite of `hibernaculum-testkit` |
//! | `saboteurs` | the suite itself to what it claims to notice |
//! | `load` | two hundred sessions at once to everything that one alone keeps |
//! | `claims` | the tables and documents to what they claim |
