//! Which server the program meant: the hosts, else the address that it set for verification, and the SNI that it sends.

use std::ffi::{c_char, c_int};
use std::net::IpAddr;
use std::{ptr, slice};

use mecai::host::{HOST_MAX, Reference};
use mecai::time::UnixTime;
use mecai::verify::{Handshake, OwnVerification};

use crate::openssl::{Crypto, SSL, Ssl, TLSEXT_NAMETYPE_HOST_NAME, X509_STORE_CTX, X509_VERIFY_PARAM, text};

/// What a connection says of the server that is meant. The texts belong to OpenSSL.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    /// The hosts set for verification, else the address, else the SNI (spec 8, "Reference identities").
    pub(crate) references: Vec<Reference<'a>>,
    /// The SNI that the client sends.
    pub(crate) sni: Option<&'a str>,
}

impl Identity<'_> {
    /// The name of the pick, of the log and of reports (spec 7).
    pub(crate) fn name(&self) -> Option<Reference<'_>> {
        self.handshake().name()
    }

    /// The same as text; empty if there is none.
    pub(crate) fn title(&self) -> String {
        self.name().map_or_else(String::new, |name| name.to_string())
    }

    /// A handshake of which nothing is known but who is meant.
    pub(crate) fn handshake(&self) -> Handshake<'_> {
        Handshake {
            own: OwnVerification::Refused,
            references: &self.references,
            sni: self.sni,
            peer: None,
            port: None,
            answer: None,
            remembered: false,
            now: UnixTime(0),
        }
    }
}

/// The identity as a handshake's verification has it, once it has succeeded: by the parameters of `store`, and the SNI
/// of `ssl`.
///
/// # Safety
/// Both are of the OpenSSL that the functions are of, and stay unchanged for `'a`.
pub(crate) unsafe fn of_verification<'a>(
    crypto: &Crypto,
    functions: &Ssl,
    ssl: *const SSL,
    store: *const X509_STORE_CTX,
) -> Identity<'a> {
    // SAFETY: as the caller says.
    unsafe {
        let parameters = crypto.X509_STORE_CTX_get0_param(store);
        if crypto.is_at_least(4, 0) && hosts(crypto, parameters).next().is_some() {
            return Identity { references: matched(crypto, parameters), sni: sni(functions, ssl) };
        }
        of_parameters(crypto, functions, ssl, parameters)
    }
}

/// The host that matched a name of the certificate. OpenSSL 4.0.3 copies hosts without their terminating NUL when it
/// hands parameters on; by the name that matched it can be told where one ends.
///
/// # Safety
/// `parameters` are of the OpenSSL that `crypto` is of, after a verification, and stay unchanged for `'a`.
unsafe fn matched<'a>(crypto: &Crypto, parameters: *mut X509_VERIFY_PARAM) -> Vec<Reference<'a>> {
    // SAFETY: as the caller says.
    let mut references: Vec<_> = unsafe {
        match text(crypto.X509_VERIFY_PARAM_get0_peername(parameters)) {
            Some(name) => match name.strip_prefix('*') {
                Some(rest) => hosts(crypto, parameters)
                    .filter_map(|host| with_any_label(text_of_host(crypto, host)?, rest))
                    .map(Reference::parse)
                    .collect(),
                None => vec![Reference::parse(name)],
            },
            None => Vec::new(),
        }
    };
    references.retain(|reference| matches!(reference, Reference::Name(_)));
    if references.is_empty() {
        references.push(UNREADABLE);
    }
    references
}

/// What `host` begins with, if it is one label and then `rest`.
fn with_any_label<'a>(host: &'a str, rest: &str) -> Option<&'a str> {
    let end = host.find('.')? + rest.len();
    let (host, _) = host.split_at_checked(end)?;
    host[end - rest.len()..].eq_ignore_ascii_case(rest).then_some(host)
}

/// The identity as the connection itself says, before or after its handshake.
///
/// # Safety
/// As for [`of_verification`].
pub(crate) unsafe fn of_connection<'a>(crypto: &Crypto, functions: &Ssl, ssl: *mut SSL) -> Identity<'a> {
    // SAFETY: as the caller says.
    unsafe { of_parameters(crypto, functions, ssl, functions.SSL_get0_param(ssl)) }
}

/// # Safety
/// As for [`of_verification`].
unsafe fn of_parameters<'a>(
    crypto: &Crypto,
    functions: &Ssl,
    ssl: *const SSL,
    parameters: *mut X509_VERIFY_PARAM,
) -> Identity<'a> {
    // SAFETY: as the caller says.
    unsafe {
        let sni = sni(functions, ssl);
        let mut references = Vec::with_capacity(1);
        references.extend(
            hosts(crypto, parameters).map(|host| text_of_host(crypto, host).map_or(UNREADABLE, Reference::parse)),
        );
        if references.is_empty() {
            // Beside a host, an address is what DNS gave for it: OpenSSL demands both, and the host is what is meant.
            references.extend(address(crypto, parameters).map(Reference::Address));
        }
        if references.is_empty() {
            references.extend(sni.map(Reference::parse));
        }
        Identity { references, sni }
    }
}

/// The SNI that the program set. Where it set none, OpenSSL tells that of the session it offers, and does not send it.
///
/// # Safety
/// As for [`of_verification`].
unsafe fn sni<'a>(functions: &Ssl, ssl: *const SSL) -> Option<&'a str> {
    // SAFETY: as the caller says; the name stays for the connection, and the other is only compared by its place.
    unsafe {
        let name = functions.SSL_get_servername(ssl, TLSEXT_NAMETYPE_HOST_NAME);
        let session = functions.SSL_get_session(ssl);
        let is_of_session = !session.is_null() && functions.SSL_SESSION_get0_hostname(session) == name;
        text(name).filter(|name| !is_of_session && !name.is_empty())
    }
}

/// What is no name matches no statement; it must not vanish either, or the SNI would take its place.
const UNREADABLE: Reference<'static> = Reference::Name("");

/// The hosts set for verification; none in releases before 3.0, which do not tell: there the SNI has to do.
///
/// # Safety
/// `parameters` is NULL, or of the OpenSSL that `crypto` is of.
unsafe fn hosts(crypto: &Crypto, parameters: *mut X509_VERIFY_PARAM) -> impl Iterator<Item = *const c_char> {
    let get_host = crypto.X509_VERIFY_PARAM_get0_host.filter(|_| !parameters.is_null());
    (0..c_int::MAX).map_while(move |place| {
        // SAFETY: as the caller says.
        let host = unsafe { get_host?(parameters, place) };
        (!host.is_null()).then_some(host.cast_const())
    })
}

/// # Safety
/// `host` came from [`hosts`], and stays unchanged for `'a`.
unsafe fn text_of_host<'a>(crypto: &Crypto, host: *const c_char) -> Option<&'a str> {
    if !crypto.is_at_least(4, 0) {
        // SAFETY: as the caller says; the host ends with a NUL.
        return unsafe { text(host) };
    }
    // There it may have no NUL at its end: it is read as far as it looks like a host. A session whose host looked longer
    // than now is not resumed.
    let is_of_host = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    // SAFETY: as the caller says; a host has an allocation of its own, and nothing is read behind it.
    let octets = unsafe {
        let readable = crypto.allocated(host.cast()).min(HOST_MAX);
        let length = (0..readable).take_while(|place| is_of_host(*host.cast::<u8>().add(*place))).count();
        slice::from_raw_parts(host.cast::<u8>(), length)
    };
    std::str::from_utf8(octets).ok()
}

/// # Safety
/// `parameters` is NULL, or of the OpenSSL that `crypto` is of.
unsafe fn address(crypto: &Crypto, parameters: *mut X509_VERIFY_PARAM) -> Option<IpAddr> {
    let get_address = crypto.X509_VERIFY_PARAM_get1_ip_asc.filter(|_| !parameters.is_null())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_ends_where_the_matched_name_does() {
        for (text, rest, host) in [
            ("www.shop.example", ".shop.example", Some("www.shop.example")),
            ("www.shop.example_lib.c", ".shop.example", Some("www.shop.example")),
            ("WWW.shop.Example", ".shop.example", Some("WWW.shop.Example")),
            ("a.b.shop.example", ".shop.example", None),
            ("www.other.example", ".shop.example", None),
            ("www.shop", ".shop.example", None),
            ("localhost", ".shop.example", None),
            ("", ".shop.example", None),
        ] {
            assert_eq!(with_any_label(text, rest), host, "{text} {rest}");
        }
    }
}
