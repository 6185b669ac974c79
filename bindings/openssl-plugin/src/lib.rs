//! MECAI inside OpenSSL: a module that openssl.cnf loads into programs that know nothing of it.
//!
//! OpenSSL calls `module` when it reads its configuration; programs that ask for MECAI themselves call [`api`], which
//! leads to `attach`. Either makes an `installation`, and `context` puts its callbacks into every SSL_CTX that it is
//! for. What they do in a `handshake` is told there; `judge` is the seam to the core, and `told` says afterwards what
//! came of it. There may be several OpenSSLs in a process, each a `library`. Every function comes from the table of
//! `openssl`, found at run time in the object that called: nothing here links OpenSSL.
//!
//! A client that cannot judge refuses; a server that cannot answer serves without vouchers.

pub mod abi;
pub mod api;

mod attach;
mod clock;
mod context;
mod copies;
mod files;
mod guard;
mod handshake;
mod installation;
mod judge;
mod library;
mod log;
#[cfg(feature = "module")]
mod module;
mod openssl;
mod schedule;
mod told;
mod watch;
