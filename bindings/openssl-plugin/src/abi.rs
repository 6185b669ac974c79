//! The number of the ABI of libmecai_openssl.

/// The number of the ABI: it is in the library's SONAME, and changes only when a program that was built against an
/// earlier one could break.
pub const MECAI_OPENSSL_ABI_VERSION: u32 = 0;
