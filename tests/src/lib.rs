//! Tests that run the whole of Hibernaculum, and what they know of processes.
//!
//! | binary | holds |
//! |---|---|
//! | `conformance` | every backend of this build to the suite of `hibernaculum-testkit` |
//! | `mock` | the mock backend to the suite: scripts, and cassettes of what a real runner said |
//! | `cassettes` | what a runner says now to the cassettes |
//! | `custom_backend` | the backend of `examples/custom_backend` to the suite |
//! | `saboteurs` | the suite itself to what it claims to notice |
//! | `load` | two hundred sessions at once to everything that one alone keeps |
//! | `chaos` | what is promised of state, while processes are killed and stopped at any moment |
//! | `fuzz` | the wire to its word under any bytes at all |
//! | `versions` | portable checkpoints and snapshots to going from one CPython or backend to another |
//! | `streaming` | the host's memory to its bound, whatever is saved or restored |
//! | `host_paths` | files and directories to arriving as they were sent, between this machine and a sandbox |
//! | `daytona` | the stand-in for Daytona's service to what the official SDK expects of the real one |
//! | `programs` | the programs of `examples/` to what they show |
//! | `agent_with_script`, `agent_with_cassette`, `retries_with_faults` | the tests of `examples/testing` to being such as one may copy |
//! | `claims` | the tables and documents to what they claim |

pub mod processes;
