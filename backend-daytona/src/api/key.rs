//! The key of an account.

use std::fmt;

use reqwest::header::HeaderValue;

/// What the service knows the caller by. It never shows itself: not in `Debug`, not in an error, not in a log.
#[derive(Clone)]
pub(crate) struct Key(HeaderValue);

impl Key {
    /// Nothing where it cannot stand in a header.
    pub(crate) fn new(key: &str) -> Option<Self> {
        let key = key.trim();
        let mut header = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
        header.set_sensitive(true);
        (!key.is_empty()).then_some(Self(header))
    }

    /// The header `Authorization`.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_show_itself() {
        let key = Key::new(" dtn_s3cret\n").unwrap();
        assert_eq!(key.header(), "Bearer dtn_s3cret");
        assert!(!format!("{key:?} {:?}", key.header()).contains("s3cret"));
        assert!(Key::new(" ").is_none() && Key::new("a\u{7f}b\n\nc").is_none());
    }
}
