//! What makes no sense on any backend.

use super::Retry;
use super::family::error_family;

error_family! {
    /// What the caller asked for makes no sense, whatever the backend. Nothing was done.
    ConfigError {
        /// A field holds what it must not.
        Invalid {
            /// The field, by its path: `limits.cpus`.
            field: String,
            /// What it held.
            value: String,
            /// The rule it broke.
            rule: String,
        } => {
            code: "config.invalid",
            what: "`{field}` cannot be `{value}`",
            why: "{field} {rule}",
            how: "correct the value; the documentation of `{field}` tells its bounds",
            retry: Retry::Never,
            test: "conformance: limits_that_make_no_sense_are_refused",
        }
        /// No backend of that name was built in.
        UnknownBackend {
            /// The name that was asked for.
            name: String,
            /// The names that are known, separated by commas.
            known: String,
        } => {
            code: "config.unknown_backend",
            what: "there is no backend named `{name}`",
            why: "this program was built with: {known}",
            how: "use one of those names, or build with the feature flag of the backend you want",
            retry: Retry::Never,
            test: "tests: an_unknown_backend_names_the_known_ones",
        }
    }
}
