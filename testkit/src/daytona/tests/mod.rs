//! The stand-in, asked over HTTP as any client does.

mod client;
mod faulty;
mod lifecycle;
mod network;
mod ports;
mod served;
mod toolbox;

use client::{Client, eventually};
