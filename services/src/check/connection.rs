//! One handshake that asks for vouchers, and everything that it showed.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mecai::extension::{ALTERNATE, VOUCHERS};
use mecai::request::Protocol;
use openssl::error::ErrorStack;
use openssl::ssl::{
    ExtensionContext, HandshakeError, Ssl, SslAlert, SslContext, SslContextBuilder, SslMethod, SslStream,
    SslVerifyMode, SslVersion,
};
use openssl::stack::StackRef;
use openssl::x509::{X509, X509VerifyResult};

use super::target::{Target, Via};
use crate::starttls::{Dialogue, DialogueFailure, Next};

/// How to connect.
pub(super) struct Way<'a> {
    pub(super) via: Option<&'a Via>,
    /// Trusted roots in PEM, instead of the system's.
    pub(super) ca_file: Option<&'a PathBuf>,
    pub(super) min_tls: Tls,
    pub(super) max_tls: Tls,
    pub(super) timeout: Duration,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Tls {
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3")]
    V1_3,
}

/// What a handshake showed.
pub(super) struct Shown {
    pub(super) peer: SocketAddr,
    pub(super) version: String,
    pub(super) cipher: String,
    /// The verified chain, end entity first; as served if it did not verify.
    pub(super) chain: Vec<X509>,
    /// The certificates as served.
    pub(super) served: Vec<X509>,
    /// What OpenSSL's verification said.
    pub(super) result: X509VerifyResult,
    /// The answer to `mecai_vouchers`.
    pub(super) vouchers: Option<Vec<u8>>,
    /// The answer to `mecai_alternate`.
    pub(super) alternate: Option<Vec<u8>>,
}

/// Why there was no handshake.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{host} cannot be resolved: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("no connection to {peer}: {source}")]
    Connect { peer: SocketAddr, source: io::Error },
    #[error("no TLS handshake with {peer} began: {source}")]
    Dialogue { peer: SocketAddr, source: DialogueFailure },
    #[error("the connection to {peer} broke before TLS began: {source}")]
    BeforeTls { peer: SocketAddr, source: io::Error },
    #[error("the TLS handshake with {peer} failed: {problem}")]
    Handshake { peer: SocketAddr, problem: String },
    #[error("{}: {source}", path.display())]
    Roots { path: PathBuf, source: ErrorStack },
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// Connects, finishes a handshake, and goes away.
pub(super) fn look(target: &Target, way: &Way<'_>) -> Result<Shown, ConnectError> {
    let deadline = Instant::now() + way.timeout;
    let (vouchers, alternate) = (Answer::default(), Answer::default());
    let context = context(way, &vouchers, &alternate)?;
    let mut stream = connect(target, way.via, deadline)?;
    let peer = stream.peer;
    get_to_tls(&mut stream, target.protocol)?;
    let mut ssl = Ssl::new(&context)?;
    match target.address() {
        Some(address) => ssl.param_mut().set_ip(address)?,
        None => {
            ssl.set_hostname(&target.host)?;
            ssl.param_mut().set_host(&target.host)?;
        }
    }
    let timeout = way.timeout;
    let stream = ssl.connect(stream).map_err(|error| handshake_error(peer, timeout, error))?;
    Ok(shown(&stream, peer, take(&vouchers), take(&alternate)))
}

/// Says what the protocol wants said before the handshake.
fn get_to_tls(stream: &mut Timed, protocol: Protocol) -> Result<(), ConnectError> {
    let peer = stream.peer;
    let broken = |source| ConnectError::BeforeTls { peer, source };
    let unwilling = |source| ConnectError::Dialogue { peer, source };
    let mut dialogue = Dialogue::new(protocol, stream.stream.local_addr().map_err(broken)?.ip());
    let mut octets = [0; 1024];
    loop {
        match dialogue.next() {
            Next::Handshake => return Ok(()),
            Next::Send(octets) => stream.write_all(&octets).map_err(broken)?,
            Next::Receive => match stream.read(&mut octets).map_err(broken)? {
                0 => return Err(unwilling(DialogueFailure::Closed)),
                count => dialogue.hear(&octets[..count]).map_err(unwilling)?,
            },
        }
    }
}

type Answer = Arc<Mutex<Option<Vec<u8>>>>;

fn context(way: &Way<'_>, vouchers: &Answer, alternate: &Answer) -> Result<SslContext, ConnectError> {
    let mut builder = SslContext::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(way.min_tls.version()))?;
    builder.set_max_proto_version(Some(way.max_tls.version()))?;
    // OpenSSL verifies all the same; a chain that it refuses is told with everything else that was seen.
    builder.set_verify(SslVerifyMode::NONE);
    match way.ca_file {
        Some(path) => {
            builder.set_ca_file(path).map_err(|source| ConnectError::Roots { path: path.clone(), source })?;
        }
        None => builder.set_default_verify_paths()?,
    }
    ask::<VOUCHERS>(&mut builder, Arc::clone(vouchers))?;
    ask::<ALTERNATE>(&mut builder, Arc::clone(alternate))?;
    Ok(builder.build())
}

/// Asks by an empty extension (spec section 5), and keeps the answer. The crate keeps callbacks by their type, so each
/// extension has callbacks of its own.
fn ask<const NUMBER: u16>(builder: &mut SslContextBuilder, answer: Answer) -> Result<(), ErrorStack> {
    let places = ExtensionContext::CLIENT_HELLO
        | ExtensionContext::TLS1_2_SERVER_HELLO
        | ExtensionContext::TLS1_3_CERTIFICATE
        | ExtensionContext::IGNORE_ON_RESUMPTION;
    builder.add_custom_ext(
        NUMBER,
        places,
        |_, _, _| Ok(Some(b"")),
        move |_, _, octets, certificate| match certificate {
            // Only the first entry of the message may carry the answer.
            Some((place, _)) if place != 0 => Err(SslAlert::ILLEGAL_PARAMETER),
            _ => {
                *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(octets.to_vec());
                Ok(())
            }
        },
    )
}

fn take(answer: &Answer) -> Option<Vec<u8>> {
    answer.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn connect(target: &Target, via: Option<&Via>, deadline: Instant) -> Result<Timed, ConnectError> {
    let mut last = None;
    for peer in addresses(target, via)? {
        let time_out = || io::Error::from(io::ErrorKind::TimedOut);
        let connected = remaining(deadline)
            .ok_or_else(time_out)
            .and_then(|remaining| TcpStream::connect_timeout(&peer, remaining))
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        match connected {
            Ok(stream) => return Ok(Timed { stream, peer, deadline }),
            Err(source) => last = Some(ConnectError::Connect { peer, source }),
        }
    }
    Err(last.unwrap_or_else(|| ConnectError::NoAddress { host: target.host.clone() }))
}

fn addresses(target: &Target, via: Option<&Via>) -> Result<Vec<SocketAddr>, ConnectError> {
    let known: Option<IpAddr> = via.map(|via| via.address).or_else(|| target.address());
    let port = via.and_then(|via| via.port).unwrap_or(target.port);
    if let Some(address) = known {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    match (target.host.as_str(), port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(source) => Err(ConnectError::Resolve { host: target.host.clone(), source }),
    }
}

fn handshake_error(peer: SocketAddr, timeout: Duration, error: HandshakeError<Timed>) -> ConnectError {
    let problem = match error {
        HandshakeError::SetupFailure(error) => error.to_string(),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => {
            let error = stream.error();
            match (error.io_error(), error.ssl_error()) {
                (Some(error), _) if error.kind() == io::ErrorKind::TimedOut => {
                    format!("not finished within {} seconds", timeout.as_secs_f32())
                }
                (Some(error), _) => error.to_string(),
                (None, Some(error)) => reasons(error),
                (None, None) => "the server closed the connection".to_owned(),
            }
        }
    };
    ConnectError::Handshake { peer, problem }
}

/// OpenSSL's reasons in words, without its file names and numbers.
fn reasons(error: &ErrorStack) -> String {
    let reasons: Vec<&str> = error.errors().iter().filter_map(|error| error.reason()).collect();
    if reasons.is_empty() { error.to_string() } else { reasons.join(", ") }
}

fn shown(stream: &SslStream<Timed>, peer: SocketAddr, vouchers: Option<Vec<u8>>, alternate: Option<Vec<u8>>) -> Shown {
    let ssl = stream.ssl();
    let owned =
        |chain: Option<&StackRef<X509>>| chain.map(|chain| chain.iter().map(|x| x.to_owned()).collect::<Vec<_>>());
    let result = ssl.verify_result();
    let is_trusted = result == X509VerifyResult::OK;
    let served = owned(ssl.peer_cert_chain()).unwrap_or_default();
    Shown {
        peer,
        version: ssl.version_str().to_owned(),
        cipher: ssl.current_cipher().map(|cipher| cipher.name().to_owned()).unwrap_or_default(),
        chain: if is_trusted { owned(ssl.verified_chain()).unwrap_or_default() } else { served.clone() },
        served,
        result,
        vouchers,
        alternate,
    }
}

/// A connection that ends at a deadline, however slowly octets drip in.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    peer: SocketAddr,
    deadline: Instant,
}

impl Timed {
    fn bounded<T>(&mut self, act: impl FnOnce(&mut TcpStream) -> io::Result<T>) -> io::Result<T> {
        let remaining = remaining(self.deadline).ok_or(io::ErrorKind::TimedOut)?;
        self.stream.set_read_timeout(Some(remaining))?;
        self.stream.set_write_timeout(Some(remaining))?;
        // A timeout of the socket reads as WouldBlock, which the TLS layer would take for "try again".
        act(&mut self.stream).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bounded(|stream| stream.read(buffer))
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.bounded(|stream| stream.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bounded(TcpStream::flush)
    }
}

fn remaining(deadline: Instant) -> Option<Duration> {
    let remaining = deadline.saturating_duration_since(Instant::now());
    (!remaining.is_zero()).then_some(remaining)
}

impl Tls {
    fn version(self) -> SslVersion {
        match self {
            Self::V1_2 => SslVersion::TLS1_2,
            Self::V1_3 => SslVersion::TLS1_3,
        }
    }
}
