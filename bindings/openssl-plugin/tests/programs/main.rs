//! The module in stock programs: every test runs real ones against each other.
#![allow(clippy::unwrap_used)]

mod client;
mod daemons;
mod hostile;
mod loading;
mod many;
mod memory;
mod module_file;
mod server;
mod sessions;
mod told;
mod unusual;
mod world;
