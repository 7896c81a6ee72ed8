//! Where the published specs are silent or wrong, who says otherwise, and who won.

/// One thing that is not held to the specs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// The operation, or a group of them.
    pub operation: &'static str,
    /// What the specs say of it.
    pub specs: &'static str,
    /// What is done here.
    pub here: &'static str,
    /// On whose word.
    pub source: &'static str,
}

/// The wire facts of the project, gathered from the published clients and the last open server.
const FACTS: &str = "the wire facts gathered from the published clients and the last open server";
/// What the official client does, which a test here drives.
const SDK: &str = "the official Python SDK 0.205.1, which sends and reads it so";

/// Every exception there is. Where specs and facts differ, `here` says who won.
pub const fn exceptions() -> &'static [Exception] {
    &[
        Exception {
            operation: "{toolbox}/proxy/{port}/…",
            specs: "silent",
            here: "HTTP and WebSocket to a port of the sandbox's loopback; 502 without a body until something listens",
            source: FACTS,
        },
        Exception {
            operation: "preview URLs",
            specs: "say how a URL and a token are had, not how they are used",
            here: "the header X-Daytona-Preview-Token, or the key",
            source: FACTS,
        },
        Exception {
            operation: "POST /files/bulk-upload",
            specs: "a form without parts",
            here: "for each i `files[i].path` before `files[i].file`",
            source: FACTS,
        },
        Exception {
            operation: "POST /files/bulk-upload, 400",
            specs: "ErrorResponse",
            here: "the facts won: {errors, files}, files being those that are there all the same",
            source: FACTS,
        },
        Exception {
            operation: "POST /files/bulk-download",
            specs: "an object as multipart/form-data",
            here: "parts named `file` or `error`, each with the path as its filename",
            source: SDK,
        },
        Exception {
            operation: "GET …/logs?follow=true",
            specs: "200 and JSON",
            here: "the client won: a WebSocket; stdout after 01 01 01, stderr after 02 02 02",
            source: SDK,
        },
        Exception {
            operation: "errors of the control plane",
            specs: "silent but for a few statuses without a body",
            here: "{statusCode, error, message, path, timestamp}",
            source: FACTS,
        },
        Exception {
            operation: "errors of the toolbox",
            specs: "ErrorResponse only, with the codes of the daemon",
            here: "the facts won: also {error}, the proxy's {…, source}, and nothing at all; the daemon's is held to the spec, with any status",
            source: FACTS,
        },
        Exception {
            operation: "429",
            specs: "silent",
            here: "Retry-After-{throttler} and X-RateLimit-*-{throttler}",
            source: FACTS,
        },
        Exception {
            operation: "POST /sandbox/{sandboxIdOrName}/public/{isPublic}",
            specs: "a boolean in the path",
            here: "the client won: `True` and `False` are taken too",
            source: SDK,
        },
        Exception {
            operation: "numbers of minutes",
            specs: "autoStopInterval: integer, no bounds",
            here: "0 is never; of autoDeleteInterval 0 is on stop and less than 0 never; 15 is the default of auto-stop",
            source: FACTS,
        },
    ]
}
