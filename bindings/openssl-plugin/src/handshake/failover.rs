//! The server's alternate, in OpenSSL's hands: its chain is verified as the server's own was, and what is accepted is put
//! in that one's place wherever the program looks (spec 8, "Failover").

use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;

use mecai::chain::{Chain, ChainError};
use mecai::failover::Offered;
use mecai::host::Reference;
use mecai::text::Text;
use mecai::verdict::{AlternateCause, Cause};

use crate::handshake::issuers::Issuers;
use crate::handshake::references::{self, Identity};
use crate::openssl::certificates::Certificates;
use crate::openssl::{
    Crypto, OPENSSL_STACK, SSL, Ssl, X509, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
    X509_STORE_CTX, X509_V_ERR_CERT_REJECTED, X509_V_ERR_CERT_UNTRUSTED, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
    X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_OK, text,
};

/// Whether an error of the program's own verification, at this depth, says that the chain leads to no root that the program
/// trusts. OpenSSL looks for a root before anything else, so with these it has found nothing else wrong.
pub(crate) fn lacks_trusted_root(error: c_int, depth: c_int) -> bool {
    match error {
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
        | X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        | X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
        | X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
        | X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN => true,
        // Of the end entity it is said by programs' callbacks, whatever they find wrong with it.
        X509_V_ERR_CERT_UNTRUSTED | X509_V_ERR_CERT_REJECTED => depth > 0,
        _ => false,
    }
}

/// Whether the program uses TLSA records, which an alternate cannot have. OpenSSL tells only by what it says of a record
/// without contents: that it is none, or, before that, that there is no DANE.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that the functions are of.
pub(crate) unsafe fn uses_dane(crypto: &Crypto, functions: &Ssl, ssl: *mut SSL) -> bool {
    // SAFETY: as the caller says; the record is refused, and what is said of it is taken back.
    unsafe {
        crypto.ERR_set_mark();
        let refused = functions.SSL_dane_tlsa_add(ssl, 3, 1, 1, ptr::null(), 0);
        crypto.ERR_pop_to_mark();
        refused >= 0
    }
}

/// An alternate whose chain OpenSSL has verified as the program demands it of the server's own.
pub(crate) struct Validated {
    verification: Verification,
    chain: Chain,
}

impl Validated {
    /// Verifies the alternate as `store` verified the server's own certificate: the same roots, parameters and callback.
    ///
    /// # Safety
    /// `ssl` and `store` are of the OpenSSL that the functions are of, in this connection's verify callback.
    pub(crate) unsafe fn new(
        crypto: &'static Crypto,
        issuers: &Issuers,
        functions: &Ssl,
        ssl: *mut SSL,
        store: *mut X509_STORE_CTX,
        offered: &Offered<'_>,
    ) -> Result<Self, AlternateCause> {
        let verification = Verification::of(crypto, issuers, offered)?;
        let context = verification.context;
        // SAFETY: as the caller says; the context and the certificates stay for the verification.
        unsafe {
            let trusted = crypto.X509_STORE_CTX_get0_store(store);
            let index = functions.SSL_get_ex_data_X509_STORE_CTX_idx();
            let parameters = crypto.X509_STORE_CTX_get0_param(store);
            let is_set = !context.is_null()
                && crypto.X509_STORE_CTX_init(context, trusted, verification.leaf(), verification.certificates) == 1
                && crypto.X509_STORE_CTX_set_ex_data(context, index, ssl.cast()) == 1
                && crypto.X509_STORE_CTX_set_default(context, c"ssl_server".as_ptr()) == 1
                && crypto.X509_VERIFY_PARAM_set1(crypto.X509_STORE_CTX_get0_param(context), parameters) == 1;
            if !is_set {
                return Err(no_memory());
            }
            crypto.X509_STORE_CTX_set_verify_cb(context, crypto.X509_STORE_CTX_get_verify_cb(store));
            let is_accepted = crypto.X509_verify_cert(context) > 0;
            // Many programs' callbacks return 1 and leave the error.
            let error = crypto.X509_STORE_CTX_get_error(context);
            if !is_accepted || error != X509_V_OK {
                let reason = text(crypto.X509_verify_cert_error_string(c_long::from(error))).unwrap_or_default();
                return Err(AlternateCause::NotTrusted(reason.to_owned()));
            }
            let verified = Certificates::of(crypto, crypto.X509_STORE_CTX_get0_chain(context)).ok_or_else(no_memory)?;
            let unreadable = |error| AlternateCause::Rules(Cause::ChainUnreadable(error));
            let chain = Chain::from_der(verified.iter()).map_err(unreadable)?;
            verification.keep_issuers(issuers, offered);
            Ok(Self { verification, chain })
        }
    }

    /// The verified chain.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whom the program meant, as this verification has it.
    ///
    /// # Safety
    /// `ssl` is the connection of this verification, and stays unchanged for `'a`, like this.
    pub(crate) unsafe fn identity<'a>(&'a self, functions: &Ssl, ssl: *mut SSL) -> Identity<'a> {
        // SAFETY: as the caller says.
        unsafe { references::of_verification(self.verification.crypto, functions, ssl, self.verification.context) }
    }

    /// Whether the alternate is for one of those that the program meant. Many programs check names by themselves, and
    /// later: until then it must not be in place.
    pub(crate) fn check_name(&self, meant: &Identity<'_>) -> Result<(), AlternateCause> {
        if meant.references.iter().any(|reference| self.verification.is_for(reference)) {
            Ok(())
        } else {
            Err(AlternateCause::WrongName { meant: Text::of(meant.title()) })
        }
    }

    /// Puts the alternate in place of the server's own certificate: in the stack that OpenSSL verifies, which becomes the
    /// peer's chain, and in the result of the verification. False if that stack is not as it should be.
    ///
    /// # Safety
    /// `store` is the verification of the server's own certificate, in the callback of this connection.
    pub(crate) unsafe fn take_place(self, store: *mut X509_STORE_CTX) -> bool {
        let Verification { crypto, context, .. } = self.verification;
        // SAFETY: as the caller says. The stack owns what is in it: it gets a reference of its own to the new leaf, and
        // the one to the old leaf is freed once nothing in `store` points there.
        unsafe {
            let peer = crypto.X509_STORE_CTX_get0_untrusted(store);
            let own = crypto.X509_STORE_CTX_get0_cert(store);
            let first: *mut X509 = crypto.OPENSSL_sk_value(peer, 0).cast();
            let leaf = self.verification.leaf();
            if peer.is_null() || own.is_null() || first != own || crypto.X509_up_ref(leaf) != 1 {
                return false;
            }
            let verified = crypto.X509_STORE_CTX_get1_chain(context);
            if verified.is_null() {
                crypto.X509_free(leaf);
                return false;
            }
            crypto.OPENSSL_sk_set(peer, 0, leaf.cast::<c_void>());
            crypto.X509_STORE_CTX_set0_verified_chain(store, verified);
            crypto.X509_STORE_CTX_set_cert(store, leaf);
            crypto.X509_STORE_CTX_set_current_cert(store, leaf);
            crypto.X509_STORE_CTX_set_error_depth(store, 0);
            crypto.X509_STORE_CTX_set_error(store, X509_V_OK);
            let (to, from) = (crypto.X509_STORE_CTX_get0_param(store), crypto.X509_STORE_CTX_get0_param(context));
            crypto.X509_VERIFY_PARAM_move_peername(to, from);
            crypto.X509_free(own);
            true
        }
    }
}

/// What OpenSSL needs to verify a chain, freed with it.
struct Verification {
    crypto: &'static Crypto,
    context: *mut X509_STORE_CTX,
    certificates: *mut OPENSSL_STACK,
}

impl Verification {
    fn of(crypto: &'static Crypto, issuers: &Issuers, offered: &Offered<'_>) -> Result<Self, AlternateCause> {
        // SAFETY: takes nothing.
        let (context, certificates) = unsafe { (crypto.X509_STORE_CTX_new(), crypto.OPENSSL_sk_new_null()) };
        let verification = Self { crypto, context, certificates };
        for (place, der) in offered.chain().enumerate() {
            let certificate = issuers.get(der).or_else(|| read(crypto, der));
            let unreadable = AlternateCause::Chain(ChainError::NotACertificate(place));
            verification.push(certificate.ok_or(unreadable)?)?;
        }
        Ok(verification)
    }

    /// Keeps what was offered beside the end entity, once its chain has been found good: a server that nobody trusts
    /// fills no memory.
    fn keep_issuers(&self, issuers: &Issuers, offered: &Offered<'_>) {
        for (place, der) in (0..).zip(offered.chain()).skip(1) {
            // SAFETY: the certificate at this place was read from these octets.
            unsafe {
                let certificate = self.crypto.OPENSSL_sk_value(self.certificates, place).cast();
                issuers.keep(self.crypto, der, certificate);
            }
        }
    }

    /// The alternate's end entity; NULL if there is none.
    fn leaf(&self) -> *mut X509 {
        // SAFETY: OpenSSL gives NULL for a place that is not there, and for a NULL stack.
        unsafe { self.crypto.OPENSSL_sk_value(self.certificates, 0).cast() }
    }

    /// Puts a certificate with its reference into the stack.
    fn push(&self, certificate: *mut X509) -> Result<(), AlternateCause> {
        // SAFETY: a certificate that the stack does not take is freed here.
        unsafe {
            if self.crypto.OPENSSL_sk_push(self.certificates, certificate.cast()) <= 0 {
                self.crypto.X509_free(certificate);
                return Err(no_memory());
            }
        }
        Ok(())
    }

    fn is_for(&self, reference: &Reference<'_>) -> bool {
        let flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
        let name = |name: &str| {
            let place: *const c_char = name.as_ptr().cast();
            // SAFETY: OpenSSL reads so many octets of the name, and is asked for no other.
            let found = unsafe { self.crypto.X509_check_host(self.leaf(), place, name.len(), flags, ptr::null_mut()) };
            // OpenSSL takes a name of no octets for one that ends with a NUL.
            !name.is_empty() && found == 1
        };
        match reference {
            Reference::Name(host) | Reference::Suffix(host) => name(host),
            Reference::Address(address) => {
                let octets = match address {
                    std::net::IpAddr::V4(address) => address.octets().to_vec(),
                    std::net::IpAddr::V6(address) => address.octets().to_vec(),
                };
                // SAFETY: OpenSSL reads so many octets.
                unsafe { self.crypto.X509_check_ip(self.leaf(), octets.as_ptr(), octets.len(), 0) == 1 }
            }
        }
    }
}

impl Drop for Verification {
    fn drop(&mut self) {
        // SAFETY: both are ours, NULL is no error, and every certificate in the stack has one reference of ours.
        unsafe {
            self.crypto.X509_STORE_CTX_free(self.context);
            for place in 0..self.crypto.OPENSSL_sk_num(self.certificates) {
                self.crypto.X509_free(self.crypto.OPENSSL_sk_value(self.certificates, place).cast());
            }
            self.crypto.OPENSSL_sk_free(self.certificates);
        }
    }
}

/// Reads a certificate, all of its octets.
fn read(crypto: &Crypto, der: &[u8]) -> Option<*mut X509> {
    // SAFETY: OpenSSL reads at most so many octets, and what it read only in part is freed here.
    unsafe {
        // What is no certificate leaves errors behind that would be taken for the handshake's.
        crypto.ERR_set_mark();
        let mut octets = der.as_ptr();
        let length = c_long::try_from(der.len()).unwrap_or(0);
        let certificate = crypto.d2i_X509(ptr::null_mut(), &raw mut octets, length);
        crypto.ERR_pop_to_mark();
        if !certificate.is_null() && octets != der.as_ptr_range().end {
            crypto.X509_free(certificate);
            return None;
        }
        (!certificate.is_null()).then_some(certificate)
    }
}

fn no_memory() -> AlternateCause {
    AlternateCause::NotTrusted("OpenSSL has no memory".to_owned())
}
