//! One TLS handshake, finished, with a server that may be slow or hostile; before it, what its protocol wants said.
//!
//! The handshake is finished whatever the certificate is worth: OpenSSL checks the server's signature or key exchange
//! and its Finished (so the server holds the key), and nothing else; the chain is judged afterwards. Nothing is read
//! beyond the handshake.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mecai::request::Protocol;
use openssl::error::ErrorStack;
use openssl::pkey::Id;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslMethod, SslRef, SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
    StatusType,
};
use openssl::x509::X509Ref;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answers::{Answers, Questions};
use crate::starttls::{Dialogue, DialogueFailure, Next};

/// Ciphers of TLS 1.2. Key transport by RSA is left out: a server that leaks its padding lets others finish such a
/// handshake in its name.
const CIPHERS: &str = "DEFAULT:!aNULL:!eNULL:!PSK:!SRP:!kRSA";

/// How long the end of a connection may take.
const CLOSING: Duration = Duration::from_secs(1);
/// How many octets are taken off the socket at the end.
const CLOSING_MAX: u64 = 16 * 1024;

/// What a server showed in a handshake that finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The certificates in DER as presented, end entity first.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response in DER.
    pub ocsp: Option<Vec<u8>>,
    /// What it answered about further certificates.
    pub answers: Answers,
    /// The protocol version, as `TLSv1.2`.
    pub version: &'static str,
    /// The type of the end entity's key.
    pub key_type: KeyType,
}

/// Types of keys for which a server may have a certificate each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// RSA, for PKCS #1 or PSS.
    Rsa,
    /// Elliptic curves with ECDSA.
    Ecdsa,
    /// Ed25519 and Ed448.
    Eddsa,
    /// None that is known here.
    Other,
}

/// Why no handshake finished.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// No TCP connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// The server does not get as far as TLS.
    #[error("no handshake began: {0}")]
    Dialogue(#[from] DialogueFailure),
    /// The connection or the protocol broke.
    #[error("the handshake did not finish: {0}")]
    Tls(String),
    /// The server sent more than a handshake may take.
    #[error("the server sent more than {0} octets before its handshake finished")]
    TooLarge(usize),
}

/// A server to make handshakes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// Where it is.
    pub address: SocketAddr,
    /// How to get to TLS there.
    pub protocol: Protocol,
    /// The name that it is asked for; none for an address.
    pub sni: Option<&'a str>,
}

/// Makes handshakes; one of these serves all probes.
pub struct Handshaker {
    asking: Contexts,
    silent: Contexts,
    questions: Questions,
    connect_deadline: Duration,
    max_octets: usize,
}

impl Handshaker {
    /// Handshakes that wait for a connection until `connect_deadline` and in which the server sends at most
    /// `max_octets`.
    ///
    /// # Errors
    /// OpenSSL's, when it cannot set up a context.
    pub fn new(connect_deadline: Duration, max_octets: usize) -> Result<Self, ErrorStack> {
        let questions = Questions::new()?;
        Ok(Self {
            asking: Contexts::new(Some(questions))?,
            silent: Contexts::new(None)?,
            questions,
            connect_deadline,
            max_octets,
        })
    }

    /// Connects to a server and finishes a handshake; `wanted` restricts it to certificates with that type of key, `asks`
    /// says whether the server is asked for further certificates. The caller sets the deadline; when this future is
    /// dropped, the connection is closed.
    ///
    /// # Errors
    /// [`HandshakeFailure`].
    pub async fn shake(
        &self,
        endpoint: &Endpoint<'_>,
        wanted: Option<KeyType>,
        asks: bool,
    ) -> Result<Presented, HandshakeFailure> {
        let mut stream = self.connect(endpoint.address).await?;
        get_to_tls(&mut stream, endpoint.protocol).await?;
        let contexts = if asks { &self.asking } else { &self.silent };
        let mut tls = self.start(contexts.of(wanted), stream, endpoint.sni).map_err(setup_failed)?;
        while let Err(error) = connect(&mut tls) {
            let waited = match error.code() {
                ErrorCode::WANT_READ => tls.get_ref().stream.readable().await,
                ErrorCode::WANT_WRITE => tls.get_ref().stream.writable().await,
                _ => return Err(self.classify(&error, tls.get_ref())),
            };
            waited.map_err(|cause| HandshakeFailure::Tls(cause.to_string()))?;
        }
        let presented = self.read(tls.ssl());
        tokio::spawn(close(tls));
        presented
    }

    async fn connect(&self, address: SocketAddr) -> Result<TcpStream, HandshakeFailure> {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(self.connect_deadline, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(cause)) => Err(HandshakeFailure::Connect(cause.to_string())),
            Err(_) => {
                Err(HandshakeFailure::Connect(format!("no answer within {} s", self.connect_deadline.as_secs_f32())))
            }
        }
    }

    fn start(
        &self,
        context: &SslContext,
        stream: TcpStream,
        sni: Option<&str>,
    ) -> Result<SslStream<Bounded>, ErrorStack> {
        let mut ssl = Ssl::new(context)?;
        if let Some(name) = sni {
            ssl.set_hostname(name)?;
        }
        ssl.set_status_type(StatusType::OCSP)?;
        SslStream::new(ssl, Bounded { stream, left: self.max_octets, exceeded: false })
    }

    fn classify(&self, error: &openssl::ssl::Error, stream: &Bounded) -> HandshakeFailure {
        if stream.exceeded {
            return HandshakeFailure::TooLarge(self.max_octets);
        }
        let reason = error
            .ssl_error()
            .and_then(|stack| stack.errors().first())
            .and_then(|first| first.reason())
            .map(ToOwned::to_owned)
            .or_else(|| error.io_error().map(ToString::to_string))
            .unwrap_or_else(|| "the server closed the connection".to_owned());
        HandshakeFailure::Tls(reason)
    }

    fn read(&self, ssl: &SslRef) -> Result<Presented, HandshakeFailure> {
        let chain = ssl
            .peer_cert_chain()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| HandshakeFailure::Tls("the server showed no certificate".to_owned()))?;
        let leaf = &chain[0];
        Ok(Presented {
            key_type: KeyType::of(leaf),
            chain: chain.iter().map(X509Ref::to_der).collect::<Result<_, _>>().map_err(setup_failed)?,
            ocsp: ssl.ocsp_status().map(<[u8]>::to_vec),
            answers: self.questions.answers(ssl),
            version: ssl.version_str(),
        })
    }
}

impl KeyType {
    /// The types of certificate to ask for after one of this type was shown by default.
    #[must_use]
    pub fn others(self) -> &'static [KeyType] {
        match self {
            Self::Rsa => &[Self::Ecdsa, Self::Eddsa],
            Self::Ecdsa => &[Self::Rsa, Self::Eddsa],
            Self::Eddsa => &[Self::Ecdsa, Self::Rsa],
            Self::Other => &[Self::Ecdsa, Self::Rsa, Self::Eddsa],
        }
    }

    fn of(certificate: &X509Ref) -> Self {
        match certificate.public_key().map(|key| key.id()) {
            Ok(Id::RSA | Id::RSA_PSS) => Self::Rsa,
            Ok(Id::EC) => Self::Ecdsa,
            Ok(Id::ED25519 | Id::ED448) => Self::Eddsa,
            _ => Self::Other,
        }
    }
}

/// One for each type of key, since the type follows from what the client offers.
struct Contexts {
    any: SslContext,
    rsa: SslContext,
    ecdsa: SslContext,
    eddsa: SslContext,
}

impl Contexts {
    fn new(questions: Option<Questions>) -> Result<Self, ErrorStack> {
        let context = |restrict| context(questions, restrict);
        Ok(Self {
            any: context(None)?,
            rsa: context(Some((
                "aRSA:!kRSA:!PSK:!SRP",
                "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:\
                 rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512",
            )))?,
            ecdsa: context(Some(("aECDSA", "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512")))?,
            eddsa: context(Some(("aECDSA", "ed25519:ed448")))?,
        })
    }

    fn of(&self, key_type: Option<KeyType>) -> &SslContext {
        match key_type {
            None | Some(KeyType::Other) => &self.any,
            Some(KeyType::Rsa) => &self.rsa,
            Some(KeyType::Ecdsa) => &self.ecdsa,
            Some(KeyType::Eddsa) => &self.eddsa,
        }
    }
}

fn context(questions: Option<Questions>, restrict: Option<(&str, &str)>) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_read_ahead(false);
    if let Some(questions) = questions {
        questions.add_to(&mut builder)?;
    }
    let (ciphers, algorithms) = restrict.unzip();
    builder.set_cipher_list(ciphers.unwrap_or(CIPHERS))?;
    if let Some(algorithms) = algorithms {
        builder.set_sigalgs_list(algorithms)?;
    }
    Ok(builder.build())
}

fn connect(tls: &mut SslStream<Bounded>) -> Result<(), openssl::ssl::Error> {
    // OpenSSL takes errors that something else left on this thread for those of the handshake.
    drop(ErrorStack::get());
    tls.connect()
}

/// Says what the protocol wants said before the handshake.
async fn get_to_tls(stream: &mut TcpStream, protocol: Protocol) -> Result<(), HandshakeFailure> {
    let broken = |cause: io::Error| HandshakeFailure::Tls(cause.to_string());
    let own = stream.local_addr().map_err(broken)?.ip();
    let mut dialogue = Dialogue::new(protocol, own);
    let mut octets = [0; 1024];
    loop {
        match dialogue.next() {
            Next::Handshake => return Ok(()),
            Next::Send(octets) => stream.write_all(&octets).await.map_err(broken)?,
            Next::Receive => match stream.read(&mut octets).await.map_err(broken)? {
                0 => return Err(DialogueFailure::Closed.into()),
                count => dialogue.hear(&octets[..count])?,
            },
        }
    }
}

/// Ends the connection as a client that changed its mind: a close_notify, then what the server still sends (session
/// tickets) is taken off the socket unread by TLS, so that the server sees an orderly end and logs no reset.
async fn close(mut tls: SslStream<Bounded>) {
    let _ = tls.shutdown();
    let stream = tls.get_mut();
    let ended = tokio::time::timeout(CLOSING, async {
        stream.stream.shutdown().await?;
        tokio::io::copy(&mut (&mut stream.stream).take(CLOSING_MAX), &mut tokio::io::sink()).await
    });
    // Whether the end was orderly changes nothing.
    let _ = ended.await;
}

fn setup_failed(cause: ErrorStack) -> HandshakeFailure {
    HandshakeFailure::Tls(cause.to_string())
}

/// A socket that gives at most a number of octets, without waiting.
struct Bounded {
    stream: TcpStream,
    left: usize,
    exceeded: bool,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.exceeded = true;
            return Err(io::Error::other("too many octets"));
        }
        let most = buffer.len().min(self.left);
        let count = self.stream.try_read(&mut buffer[..most])?;
        self.left -= count;
        Ok(count)
    }
}

impl Write for Bounded {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.try_write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
