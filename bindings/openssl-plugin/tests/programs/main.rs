//! The module in stock programs: every test runs real ones against each other.
#![allow(clippy::unwrap_used)]

mod attacks;
mod bundles;
mod client;
mod client_hello;
mod compatibility;
mod daemons;
mod datagrams;
mod early_data;
mod failover;
mod foreign;
mod handshakes;
mod hostile;
mod in_memory;
mod keys;
mod loading;
mod long_chain;
mod many;
mod memory;
mod module_file;
mod newer;
mod overlay;
mod processes;
mod provider;
mod relay;
mod release;
mod resumption;
mod server;
mod sessions;
mod settings;
mod store;
mod strace;
mod told;
mod unusual;
mod wire;
mod world;
