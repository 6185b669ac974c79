//! MECAI inside OpenSSL: a module that openssl.cnf loads into programs that know nothing of it.
//!
//! OpenSSL calls `module` (or `provider`) when it reads its configuration. From then on it calls `install` for every new
//! SSL_CTX; programs that ask for MECAI themselves call [`api`]. [`context`] puts in the callbacks: [`extension`] asks for
//! vouchers and serves them, [`verify`] judges them once OpenSSL has verified the chain, [`session`] says which sessions
//! may be resumed. [`judge`] is the seam to the core. Every function of OpenSSL comes from the [`openssl`] table, found at
//! run time in the object that called: nothing here links OpenSSL.
//!
//! A client that cannot judge refuses; a server that cannot answer serves without vouchers.

pub mod abi;
pub mod api;

mod account;
mod answers;
mod attach;
mod certificates;
mod clock;
mod config;
mod connection;
mod context;
mod copies;
mod error_queue;
mod event;
mod extension;
mod failover;
mod files;
mod find;
mod guard;
#[cfg(feature = "module")]
mod install;
mod installation;
mod issuers;
mod judge;
mod known;
mod library;
mod list;
mod live;
mod local_roots;
mod log;
mod memory;
mod object;
mod openssl;
mod peer;
mod references;
mod schedule;
#[cfg(feature = "module")]
mod section;
mod session;
mod shared;
mod status;
mod told;
mod verify;
mod watch;

#[cfg(feature = "module")]
mod module;
#[cfg(feature = "module")]
mod provider;
