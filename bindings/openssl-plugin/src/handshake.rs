//! A handshake, in the order in which OpenSSL calls back: [`session`] sees to what may be resumed, [`extension`] asks for
//! vouchers and hands them over, [`verify`] judges them once OpenSSL has verified the chain, and goes on to the alternate
//! ([`failover`]). In between, [`connection`] keeps what belongs to one.

pub(crate) mod answers;
pub(crate) mod connection;
pub(crate) mod extension;
mod failover;
pub(crate) mod issuers;
mod known;
mod peer;
pub(crate) mod references;
pub(crate) mod session;
pub(crate) mod verify;
