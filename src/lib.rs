//! The core of MECAI: Certificate Authorities vouch for each other's certificates.
//!
//! A server hands over, inside the TLS handshake, a [`bundle`] of endorsements: signatures of Vouching Authorities over
//! one [`statement`] of what they saw. A client [`verify`]s them against its [`authority_list`] and its secret [`pick`].
//! `docs/spec.md` in the repository defines every octet and every rule; comments here cite its sections.
//!
//! Nothing here reads a clock, a socket or the environment: time and octets are arguments. Files are touched in
//! [`store`] (the server's vouchers) and [`state`] (a client's memory) alone.

#![deny(unsafe_code)]
#![cfg_attr(not(feature = "capi"), forbid(unsafe_code))]

pub mod authority_list;
pub mod bundle;
pub mod chain;
pub mod durable;
pub mod endorsement;
pub mod extension;
pub mod failover;
pub mod host;
pub mod key_proof;
pub mod pick;
pub mod policy;
pub mod report;
pub mod request;
pub mod signature;
pub mod state;
pub mod statement;
pub mod store;
pub mod text;
pub mod time;
pub mod verdict;
pub mod verify;

mod element;
#[cfg(feature = "capi")]
#[allow(unsafe_code)]
pub mod ffi;
mod octets;
mod schedule;
mod sealed;

/// SHA-256 of something: of a certificate, of a SubjectPublicKeyInfo, of a statement.
pub type Sha256 = [u8; 32];

/// The first 8 octets of the SPKI hash of an authority's key.
pub type AuthorityId = [u8; 8];

/// The name and version that reports and requests carry.
pub const SOFTWARE: &str = concat!("mecai/", env!("CARGO_PKG_VERSION"));
