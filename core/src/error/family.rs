//! One table makes a family of errors: the enum, its codes, its explanations and its rows of the catalogue.

/// Declares an error enum whose every variant has a code, what, why, how, a retry advice and the test that provokes it.
///
/// `what`, `why` and `how` are format strings over the variant's fields. A variant that keeps what lay beneath says `source` after its
/// fields and has a further field `source: Option<Source>`.
macro_rules! error_family {
    (
        $(#[$meta:meta])*
        $name:ident {
            $(
                $(#[$vmeta:meta])*
                $variant:ident { $( $(#[$fmeta:meta])* $field:ident : $ty:ty ),* $(,)? } $($source:ident)? => {
                    code: $code:literal,
                    what: $what:literal,
                    why: $why:literal,
                    how: $how:literal,
                    retry: $retry:expr,
                    test: $test:literal $(,)?
                }
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, thiserror::Error)]
        #[non_exhaustive]
        pub enum $name {
            $(
                $(#[$vmeta])*
                #[error($what)]
                $variant {
                    $( $(#[$fmeta])* $field: $ty, )*
                    $(
                        /// What lay beneath, where it is known.
                        #[source]
                        $source: Option<$crate::error::Source>,
                    )?
                },
            )*
        }

        /// ```
        /// use hibernaculum_core::{Retry, SessionError, SessionId};
        ///
        /// let error = SessionError::Unknown { session: SessionId::new() }; // every family answers the same questions
        /// assert_eq!(error.code(), "session.unknown");
        /// assert_eq!(error.retry(), Retry::Never);
        /// println!("{}", error.explain()); // what, why and how
        /// ```
        impl $name {
            /// The stable code: what programs compare.
            pub fn code(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $code, )* }
            }

            /// Whether the same call may be made again.
            pub fn retry(&self) -> $crate::error::Retry {
                match self {
                    $(
                        Self::$variant { $( $field, )* .. } => {
                            // Most answers are the same whatever the particulars.
                            let _ = ($( $field, )*);
                            $retry
                        }
                    )*
                }
            }

            /// What, why, how and details.
            pub fn explain(&self) -> $crate::error::Explanation {
                match self {
                    $(
                        Self::$variant { $( $field, )* .. } => {
                            $crate::error::Explanation::new($code, self.to_string(), format!($why), format!($how))
                                $( .with_detail(stringify!($field), $field) )*
                                .with_retry(self.retry())
                        }
                    )*
                }
            }

            /// The error that this tells of, without what lay beneath it.
            pub(crate) fn told(explanation: &$crate::error::Explanation) -> Option<Self> {
                match explanation.code.as_str() {
                    $(
                        $code => Some(Self::$variant {
                            $( $field: explanation.detail(stringify!($field))?, )*
                            $( $source: None, )?
                        }),
                    )*
                    _ => None,
                }
            }

            /// The rows of the catalogue.
            pub(crate) const ROWS: &'static [$crate::error::CatalogueRow] = &[
                $( $crate::error::CatalogueRow { code: $code, what: $what, why: $why, how: $how, test: $test }, )*
            ];
        }
    };
}

pub(crate) use error_family;
