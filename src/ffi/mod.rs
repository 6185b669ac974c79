//! The C ABI: each function checks its pointers, makes one call to the core, and translates what comes of it. The text
//! of `include/mecai.h` is made from the comments here.
//!
//! One file, or two, for each noun of the header, over five that they share: [`guard`] keeps panics from C, [`handle`]
//! tells handles that are no longer good, [`result`] numbers what can go wrong, [`input`] reads what C passes,
//! [`output`] writes what C receives.

#![allow(non_camel_case_types)]

mod alternate;
mod answer;
mod answer_codec;
mod authority_key;
mod authority_list;
mod backoff;
mod bundle;
mod certificate;
mod code;
mod digests;
mod error;
mod guard;
mod handle;
mod handshake;
mod input;
mod output;
#[cfg(feature = "capi-planted-panic")]
mod planted;
mod policy;
mod report;
mod request;
mod request_builder;
mod request_reply;
mod result;
mod state;
mod store;
mod store_change;
mod verdict;
mod verifier;
mod version;

pub use alternate::*;
pub use answer::*;
pub use answer_codec::*;
pub use authority_key::*;
pub use authority_list::*;
pub use backoff::*;
pub use bundle::*;
pub use certificate::*;
pub use code::*;
pub use digests::*;
pub use error::*;
pub use handshake::*;
pub use output::*;
#[cfg(feature = "capi-planted-panic")]
pub use planted::*;
pub use policy::*;
pub use report::*;
pub use request::*;
pub use request_builder::*;
pub use request_reply::*;
pub use result::*;
pub use state::*;
pub use store::*;
pub use store_change::*;
pub use verdict::*;
pub use verifier::*;
pub use version::*;
