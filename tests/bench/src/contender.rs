//! The kinds of handshakes that are compared: each a pair of contexts.

use std::ffi::{CString, c_char, c_int, c_ulong, c_void};
use std::fs;
use std::path::Path;
use std::ptr;

use mecai::extension::VOUCHERS;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::ocsp::{OcspCertId, OcspCertStatus, OcspFlag, OcspResponse};
use openssl::ssl::{
    ExtensionContext, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslRef, SslVerifyMode, StatusType,
};
use openssl::x509::X509Ref;
use openssl::x509::verify::X509CheckFlags;

use crate::world::{HOST, Site, World};

/// One kind of handshake.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    client: SslContext,
    server: SslContext,
    asks_for_ocsp: bool,
    /// Whether its clients ask for vouchers.
    pub(crate) asks_for_vouchers: bool,
}

impl Contender {
    /// Without vouchers, or anything else beyond a verified certificate. Made before the module is loaded, or while it is
    /// off.
    pub(crate) fn plain(name: &'static str, world: &World) -> Result<Self, Box<dyn std::error::Error>> {
        Self::new(name, world, &world.site(0), false)
    }

    /// With a stapled OCSP response that the client verifies. Made before the module is loaded.
    pub(crate) fn ocsp(world: &World) -> Result<Self, Box<dyn std::error::Error>> {
        let staple = fs::read(world.staple())?;
        let mut server = server(&world.site(0))?;
        server.set_status_callback(move |ssl| ssl.set_ocsp_status(&staple).map(|()| true))?;
        let mut client = client(world)?;
        client.set_status_callback(|ssl| Ok(is_good(ssl).unwrap_or(false)))?;
        let (client, server) = (client.build(), server.build());
        Ok(Self { name: "ocsp", client, server, asks_for_ocsp: true, asks_for_vouchers: false })
    }

    /// With vouchers of so many authorities. Made after the module was loaded.
    pub(crate) fn vouchers(
        name: &'static str,
        world: &World,
        authorities: usize,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        Self::new(name, world, &world.site(authorities), true)
    }

    /// With a certificate that nobody vouches for, and an alternate that two authorities vouch for. Made after the module
    /// was loaded.
    pub(crate) fn failover(name: &'static str, world: &World) -> Result<Self, Box<dyn std::error::Error>> {
        Self::new(name, world, &world.fallen_site(), true)
    }

    /// With vouchers of so many authorities, and a client that asks for them and judges nothing: a server does not share
    /// a processor's caches with the clients that verify what it sent. The client was made before the module was loaded.
    pub(crate) fn unjudged(
        name: &'static str,
        world: &World,
        authorities: usize,
        client: AskingClient,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let server = server(&world.site(authorities))?.build();
        Ok(Self { name, client: client.0, server, asks_for_ocsp: false, asks_for_vouchers: true })
    }

    fn new(
        name: &'static str,
        world: &World,
        site: &Site,
        asks_for_vouchers: bool,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let (client, server) = (client(world)?.build(), server(site)?.build());
        Ok(Self { name, client, server, asks_for_ocsp: false, asks_for_vouchers })
    }

    pub(crate) fn server(&self) -> &SslContext {
        &self.server
    }

    /// A connection that checks the name, as every client does.
    pub(crate) fn client(&self) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.client)?;
        ssl.set_hostname(HOST)?;
        ssl.param_mut().set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        ssl.param_mut().set_host(HOST)?;
        if self.asks_for_ocsp {
            ssl.set_status_type(StatusType::OCSP)?;
        }
        Ok(ssl)
    }
}

/// The context of a client that asks for vouchers by itself.
pub(crate) struct AskingClient(SslContext);

impl AskingClient {
    /// Made before the module is loaded.
    pub(crate) fn new(world: &World) -> Result<Self, ErrorStack> {
        let mut context = client(world)?;
        ask_for_vouchers(&mut context, || ())?;
        Ok(Self(context.build()))
    }
}

/// Lets a context's clients ask for vouchers as the module does; `answered` is called when some come.
pub(crate) fn ask_for_vouchers(
    context: &mut SslContextBuilder,
    answered: impl Fn() + Send + Sync + 'static,
) -> Result<(), ErrorStack> {
    let messages = ExtensionContext::CLIENT_HELLO
        | ExtensionContext::TLS1_2_SERVER_HELLO
        | ExtensionContext::TLS1_3_CERTIFICATE
        | ExtensionContext::IGNORE_ON_RESUMPTION;
    let request: &[u8] = b"";
    let parse = move |_: &mut SslRef, _, _: &[u8], _: Option<(usize, &X509Ref)>| {
        answered();
        Ok(())
    };
    context.add_custom_ext(VOUCHERS, messages, move |_, _, _| Ok(Some(request)), parse)
}

/// Loads the configuration that names the module, for every context made from now on.
pub(crate) fn load_module(configuration: &Path) -> Result<(), Box<dyn std::error::Error>> {
    unsafe extern "C" {
        fn CONF_modules_load_file(filename: *const c_char, appname: *const c_char, flags: c_ulong) -> c_int;
    }
    let path = CString::new(configuration.to_str().ok_or("a path that is not UTF-8")?)?;
    // SAFETY: `path` ends with a NUL and outlives the call; no application name means the default one.
    if unsafe { CONF_modules_load_file(path.as_ptr(), ptr::null(), 0) } <= 0 {
        return Err(format!("the module was not loaded: {}", ErrorStack::get()).into());
    }
    Ok(())
}

/// Whether a context's clients ask for vouchers.
pub(crate) fn asks_for_vouchers(contender: &Contender) -> bool {
    use foreign_types::ForeignTypeRef;
    unsafe extern "C" {
        fn SSL_CTX_has_client_custom_ext(context: *const c_void, number: u32) -> c_int;
    }
    // SAFETY: the context lives as long as the contender.
    unsafe { SSL_CTX_has_client_custom_ext(contender.client.as_ptr().cast(), u32::from(VOUCHERS)) == 1 }
}

fn client(world: &World) -> Result<SslContextBuilder, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_ca_file(world.roots())?;
    context.set_verify(SslVerifyMode::PEER);
    Ok(context)
}

fn server(site: &Site) -> Result<SslContextBuilder, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_server())?;
    context.set_certificate_chain_file(&site.chain)?;
    context.set_private_key_file(&site.key, SslFiletype::PEM)?;
    Ok(context)
}

/// What a client that takes stapling seriously does: signature, certificate, times, status.
fn is_good(ssl: &mut SslRef) -> Result<bool, ErrorStack> {
    let Some(der) = ssl.ocsp_status().map(<[u8]>::to_vec) else { return Ok(false) };
    let response = OcspResponse::from_der(&der)?.basic()?;
    let (Some(chain), Some(leaf)) = (ssl.peer_cert_chain(), ssl.peer_certificate()) else { return Ok(false) };
    response.verify(chain, ssl.ssl_context().cert_store(), OcspFlag::empty())?;
    let Some(issuer) = chain.get(1) else { return Ok(false) };
    let id = OcspCertId::from_cert(MessageDigest::sha1(), &leaf, issuer)?;
    let Some(status) = response.find_status(&id) else { return Ok(false) };
    status.check_validity(300, None)?;
    Ok(status.status == OcspCertStatus::GOOD)
}
