//! OCSP responders (RFC 6960) and CRLs (RFC 5280 section 5) over HTTP, honest by default and able to misbehave.

mod crl;
mod ocsp;
mod ocsp_types;
mod server;
mod status;
#[cfg(test)]
mod tests;

pub use rcgen::RevocationReason;
pub use server::RevocationServer;
pub use status::{CrlBehaviour, Freshness, OcspBehaviour, Status};
