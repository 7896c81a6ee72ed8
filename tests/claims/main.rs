//! The tables and documents of the house, held to what they claim.

mod catalogue;
mod mock;
mod registry;
