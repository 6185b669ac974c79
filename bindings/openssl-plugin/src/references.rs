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
        let mut identity = of_parameters(crypto, functions, ssl, parameters);
        if crypto.is_at_least(4, 0) && hosts(crypto, parameters).next().is_some() {
            // OpenSSL 4.0.3 copies hosts without their terminating NUL when it hands parameters on.
            let matched = text(crypto.X509_VERIFY_PARAM_get0_peername(parameters));
            let end_of = |host: &Reference<'a>| matched.and_then(|matched| until_its_end(host, matched));
            identity.references = identity.references.iter().filter_map(end_of).collect();
            if identity.references.is_empty() {
                identity.references.push(UNREADABLE);
            }
        }
        identity
    }
}

/// The host without what follows it in memory, if it is the one that matched this name of the certificate: that name
/// itself, or a label in place of its asterisk.
fn until_its_end<'a>(host: &Reference<'a>, matched: &str) -> Option<Reference<'a>> {
    let Reference::Name(text) = *host else { return None };
    let length = match matched.strip_prefix('*') {
        Some(rest) => text.find('.')? + rest.len(),
        None => matched.len(),
    };
    let host = text.get(..length)?;
    let (_, rest) = host.split_at_checked(length - matched.trim_start_matches('*').len())?;
    rest.eq_ignore_ascii_case(matched.trim_start_matches('*')).then_some(Reference::Name(host))
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
        let sni = text(own_servername(functions, ssl)).filter(|name| !name.is_empty());
        let mut references = Vec::with_capacity(1);
        references.extend(hosts(crypto, parameters).map(|host| host_at(crypto, host)));
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
/// `ssl` is a connection of the OpenSSL that `functions` are of.
unsafe fn own_servername(functions: &Ssl, ssl: *const SSL) -> *const c_char {
    // SAFETY: as the caller says; the texts are only compared by their place.
    unsafe {
        let name = functions.SSL_get_servername(ssl, TLSEXT_NAMETYPE_HOST_NAME);
        let session = functions.SSL_get_session(ssl);
        let is_of_session = !session.is_null() && functions.SSL_SESSION_get0_hostname(session) == name;
        if is_of_session { ptr::null() } else { name }
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
unsafe fn host_at<'a>(crypto: &Crypto, host: *const c_char) -> Reference<'a> {
    if !crypto.is_at_least(4, 0) {
        // SAFETY: as the caller says; the host ends with a NUL.
        return unsafe { text(host) }.map_or(UNREADABLE, Reference::parse);
    }
    // There a host may have no NUL at its end: it is read as far as it looks like one. `until_its_end` does the rest.
    let is_of_host = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    // SAFETY: as the caller says; nothing is read behind the first octet that belongs to no host.
    let octets = unsafe {
        let length = (0..HOST_MAX).take_while(|place| is_of_host(*host.cast::<u8>().add(*place))).count();
        slice::from_raw_parts(host.cast::<u8>(), length)
    };
    std::str::from_utf8(octets).map_or(UNREADABLE, Reference::parse)
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
        for (text, matched, host) in [
            ("www.shop.example", "www.shop.example", Some("www.shop.example")),
            ("www.shop.example_lib.c", "www.shop.example", Some("www.shop.example")),
            ("WWW.shop.example\u{1}", "www.shop.example", Some("WWW.shop.example")),
            ("www.shop.example_lib.c", "*.shop.example", Some("www.shop.example")),
            ("www.shop.example.evil", "*.shop.example", Some("www.shop.example")),
            ("a.b.shop.example", "*.shop.example", None),
            ("www.shop", "www.shop.example", None),
            ("www.other.example", "www.shop.example", None),
            ("www.other.example", "*.shop.example", None),
            ("localhost", "*.shop.example", None),
        ] {
            assert_eq!(until_its_end(&Reference::Name(text), matched), host.map(Reference::Name), "{text} {matched}");
        }
        assert_eq!(until_its_end(&Reference::Suffix(".shop.example"), "www.shop.example"), None);
    }
}
