//! The tables and documents of the house, held to what they claim.

mod catalogue;
mod loosening;
mod mock;
mod registry;
