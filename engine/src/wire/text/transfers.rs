//! The receiving side: what came in chunks waits here until a message names it.

use std::collections::HashMap;

use super::{CarriesText, Text, TransferRef};
use crate::wire::error::{TransferError, WireError};

/// What a host holds for transfers that no message has named yet, in bytes a connection: 64 MiB.
pub const MAX_UNNAMED: usize = 64 << 20;
/// How many such transfers a host holds, a connection.
pub const MAX_UNNAMED_TRANSFERS: usize = 1024;

/// The receiving side of a connection: holds the transfers that no message has named yet.
///
/// The bytes are copied out of their frames: a small chunk does not keep a large read buffer alive, so the limits bound
/// memory, not merely a count.
///
/// ```
/// use hibernaculum_engine::wire::{Text, Transfers, text::TransferRef};
///
/// let mut transfers = Transfers::default();
/// transfers.chunk(3, b"long ")?;
/// transfers.chunk(3, b"text")?;
/// let mut text: Text = serde_json::from_str(r#"{"transfer":3,"bytes":9}"#).unwrap();
/// transfers.resolve(&mut text)?;
/// assert_eq!(text.as_str(), Some("long text"));
///
/// let mut small = Transfers::new(4);
/// small.chunk(1, b"1234")?;
/// assert!(small.chunk(2, b"5").is_err()); // over the limit
/// assert_eq!(small.held(), 4);
/// assert_eq!(small.take(TransferRef { transfer: 1, bytes: 4 })?, b"1234");
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
#[derive(Debug)]
pub struct Transfers {
    unnamed: HashMap<u64, Vec<u8>>,
    held: usize,
    highest: Option<u64>,
    limit: usize,
}

impl Transfers {
    /// A table that holds at most `limit` bytes, and at most [`MAX_UNNAMED_TRANSFERS`] transfers.
    pub fn new(limit: usize) -> Self {
        Self { unnamed: HashMap::new(), held: 0, highest: None, limit }
    }

    /// How many bytes are held for transfers that no message has named.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes a chunk in.
    ///
    /// # Errors
    ///
    /// [`TransferError::Empty`], [`TransferError::Used`] or [`TransferError::TooMuch`]; nothing is kept of the chunk then.
    pub fn chunk(&mut self, transfer: u64, data: &[u8]) -> Result<(), WireError> {
        if data.is_empty() {
            return Err(TransferError::Empty { transfer }.into());
        }
        let is_new = self.is_new(transfer);
        if !is_new && !self.unnamed.contains_key(&transfer) {
            return Err(TransferError::Used { transfer }.into());
        }
        if data.len() > self.limit.saturating_sub(self.held) {
            return Err(TransferError::TooMuch { limit: self.limit, unit: "bytes" }.into());
        }
        if is_new {
            if self.unnamed.len() >= MAX_UNNAMED_TRANSFERS {
                return Err(TransferError::TooMuch { limit: MAX_UNNAMED_TRANSFERS, unit: "transfers" }.into());
            }
            self.highest = Some(transfer);
        }
        self.unnamed.entry(transfer).or_default().extend_from_slice(data);
        self.held += data.len();
        Ok(())
    }

    /// Gives up the bytes of a transfer that a message names.
    ///
    /// # Errors
    ///
    /// [`TransferError::Unknown`], [`TransferError::Used`] or [`TransferError::Length`].
    pub fn take(&mut self, named: TransferRef) -> Result<Vec<u8>, WireError> {
        let TransferRef { transfer, bytes: told } = named;
        let Some(bytes) = self.unnamed.remove(&transfer) else {
            let error = if self.is_new(transfer) {
                TransferError::Unknown { transfer }
            } else {
                TransferError::Used { transfer }
            };
            return Err(error.into());
        };
        self.held -= bytes.len();
        if bytes.len() as u64 != told {
            return Err(TransferError::Length { transfer, have: bytes.len() as u64, told }.into());
        }
        Ok(bytes)
    }

    /// Puts the strings into the text fields of a message that name transfers.
    ///
    /// # Errors
    ///
    /// As for [`take`](Self::take), and [`TransferError::NotUtf8`].
    pub fn resolve(&mut self, message: &mut impl CarriesText) -> Result<(), WireError> {
        message.each_text(&mut |text| {
            if let Text::Transfer(named) = *text {
                let transfer = named.transfer;
                let string = String::from_utf8(self.take(named)?);
                *text = Text::Inline(string.map_err(|_| TransferError::NotUtf8 { transfer })?);
            }
            Ok(())
        })
    }

    fn is_new(&self, transfer: u64) -> bool {
        self.highest.is_none_or(|highest| transfer > highest)
    }
}

impl Default for Transfers {
    /// A table with the host's limit, [`MAX_UNNAMED`].
    fn default() -> Self {
        Self::new(MAX_UNNAMED)
    }
}
