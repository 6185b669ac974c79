//! Which server the program meant: the hosts or the address that it set for verification, and the SNI that it sends.

use std::ffi::{c_char, c_int};
use std::net::IpAddr;
use std::ptr;

use mecai::host::Reference;
use mecai::time::UnixTime;
use mecai::verify::{Handshake, OwnVerification};

use crate::openssl::{Crypto, SSL, Ssl, TLSEXT_NAMETYPE_HOST_NAME, X509_VERIFY_PARAM, text};

/// What a connection says of the server that is meant. The texts belong to OpenSSL.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    /// The hosts or the address set for verification; the SNI if there are none (spec 8, "Reference identities").
    pub(crate) references: Vec<Reference<'a>>,
    /// The SNI that the client sends.
    pub(crate) sni: Option<&'a str>,
}

impl Identity<'_> {
    /// The name of the pick, of the log and of reports (spec 7).
    pub(crate) fn name(&self) -> Option<Reference<'_>> {
        let handshake = Handshake {
            own: OwnVerification::Refused,
            references: &self.references,
            sni: self.sni,
            peer: None,
            port: None,
            answer: None,
            remembered: false,
            now: UnixTime(0),
        };
        handshake.name()
    }
}

/// The identity as the verify parameters `parameters` and the SNI of `ssl` say.
///
/// # Safety
/// Both are of the OpenSSL that the functions are of, and stay unchanged for `'a`.
pub(crate) unsafe fn of_parameters<'a>(
    crypto: &Crypto,
    functions: &Ssl,
    ssl: *const SSL,
    parameters: *mut X509_VERIFY_PARAM,
) -> Identity<'a> {
    // SAFETY: as the caller says.
    unsafe {
        let sni = text(functions.SSL_get_servername(ssl, TLSEXT_NAMETYPE_HOST_NAME)).filter(|name| !name.is_empty());
        let mut references = Vec::with_capacity(1);
        if !parameters.is_null() {
            // Releases before 3.0 tell neither: there the SNI has to do.
            if let Some(get_host) = crypto.X509_VERIFY_PARAM_get0_host {
                let hosts = (0..c_int::MAX).map(|place| get_host(parameters, place)).take_while(|host| !host.is_null());
                // A host that is no text matches no statement; it must not vanish either.
                references.extend(hosts.map(|host| text(host).map_or(Reference::Name(""), Reference::parse)));
            }
            references.extend(address(crypto, parameters).map(Reference::Address));
        }
        if references.is_empty() {
            references.extend(sni.map(Reference::parse));
        }
        Identity { references, sni }
    }
}

/// The identity as the connection itself says, before or after its handshake.
///
/// # Safety
/// As for [`of_parameters`].
pub(crate) unsafe fn of_connection<'a>(crypto: &Crypto, functions: &Ssl, ssl: *mut SSL) -> Identity<'a> {
    // SAFETY: as the caller says.
    unsafe { of_parameters(crypto, functions, ssl, functions.SSL_get0_param(ssl)) }
}

/// # Safety
/// `parameters` is of the OpenSSL that `crypto` is of.
unsafe fn address(crypto: &Crypto, parameters: *mut X509_VERIFY_PARAM) -> Option<IpAddr> {
    let get_address = crypto.X509_VERIFY_PARAM_get1_ip_asc?;
    // SAFETY: as the caller says; the text is ours and freed once.
    unsafe {
        // Where there is no address, OpenSSL leaves errors behind that curl would show.
        crypto.ERR_set_mark();
        let written: *mut c_char = get_address(parameters);
        crypto.ERR_pop_to_mark();
        let address = text(written).and_then(|written| written.parse().ok()).map(mecai::host::plain_address);
        if !written.is_null() {
            crypto.CRYPTO_free(written.cast(), ptr::null(), 0);
        }
        address
    }
}
