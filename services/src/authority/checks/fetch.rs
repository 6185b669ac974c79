//! Fetches OCSP responses and CRLs: plain http to a checked address, no redirects, bounded in time and size.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;

use super::addresses::{AddressFilter, AddressRefused, PortFilter, PortRefused};
use super::dns::{Dns, DnsFailure};

/// At most so many addresses of a location are tried.
const ADDRESSES_TRIED: usize = 3;
/// The head of an answer may have at most so many octets.
const HEAD_MAX: usize = 16 * 1024;
/// A URL longer than this is not used, in octets.
const URL_MAX: usize = 2_048;

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FetchFailure {
    /// The URL is not one that is fetched.
    #[error("{url} is not a plain http URL of a host: {problem}")]
    Url {
        /// The URL, shortened if it is long.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The port is not allowed.
    #[error("{url}: {cause}")]
    Port {
        /// The URL.
        url: String,
        /// The port and those allowed.
        cause: PortRefused,
    },
    /// The host has no address.
    #[error("{url}: {cause}")]
    Dns {
        /// The URL.
        url: String,
        /// What the resolvers say.
        cause: DnsFailure,
    },
    /// None of the host's addresses may be connected to.
    #[error("{url}: {cause}")]
    Address {
        /// The URL.
        url: String,
        /// The last address refused.
        cause: AddressRefused,
    },
    /// No connection, or it broke, or what came was no HTTP.
    #[error("{url}: {cause}")]
    Broken {
        /// The URL.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// A status other than 200; redirects are not followed.
    #[error("{url}: answered with status {status}, not 200")]
    Status {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The body is too large.
    #[error("{url}: the answer has more than {limit} octets")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit in octets.
        limit: usize,
    },
    /// The deadline passed.
    #[error("{url}: not answered within {} s", .deadline.as_secs_f32())]
    Timeout {
        /// The URL.
        url: String,
        /// The deadline.
        deadline: Duration,
    },
}

/// Fetches over plain http.
#[derive(Clone)]
pub struct Fetcher {
    /// Resolves the hosts of URLs.
    pub dns: Dns,
    /// Which addresses may be connected to.
    pub addresses: Arc<AddressFilter>,
    /// Which ports may be connected to.
    pub ports: PortFilter,
    /// How long one fetch may take, name resolution included.
    pub deadline: Duration,
}

impl Fetcher {
    /// GETs `url`; the body has at most `limit` octets.
    ///
    /// # Errors
    /// [`FetchFailure`].
    pub async fn get(&self, url: &str, limit: usize) -> Result<Bytes, FetchFailure> {
        let request = Request::builder().method(Method::GET);
        self.fetch(url, request, Bytes::new(), limit).await
    }

    /// POSTs `body` to `url`; the answer's body has at most `limit` octets.
    ///
    /// # Errors
    /// [`FetchFailure`].
    pub async fn post(
        &self,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Bytes, FetchFailure> {
        let request = Request::builder().method(Method::POST).header(CONTENT_TYPE, content_type);
        self.fetch(url, request, body.into(), limit).await
    }

    async fn fetch(
        &self,
        url: &str,
        request: hyper::http::request::Builder,
        body: Bytes,
        limit: usize,
    ) -> Result<Bytes, FetchFailure> {
        tokio::time::timeout(self.deadline, async {
            let place = Place::parse(url)?;
            let stream = self.connect(url, &place).await?;
            let request = request
                .uri(place.target.as_str())
                .header(HOST, place.authority.as_str())
                .header(ACCEPT, "*/*")
                .header(CONNECTION, "close")
                .header(USER_AGENT, concat!("mecai/", env!("CARGO_PKG_VERSION")))
                .body(Full::new(body))
                .map_err(|cause| broken(url, cause))?;
            exchange(url, stream, request, limit).await
        })
        .await
        .unwrap_or_else(|_| Err(FetchFailure::Timeout { url: shorten(url), deadline: self.deadline }))
    }

    /// Resolves once, and connects to an address of that answer that passes the filter.
    async fn connect(&self, url: &str, place: &Place) -> Result<TcpStream, FetchFailure> {
        let port = place.port;
        self.ports.check(port).map_err(|cause| FetchFailure::Port { url: shorten(url), cause })?;
        let all =
            self.dns.addresses(&place.host).await.map_err(|cause| FetchFailure::Dns { url: shorten(url), cause })?;
        let mut refused = None;
        let mut passed: Vec<IpAddr> = Vec::new();
        for address in all {
            match self.addresses.check(address) {
                Ok(()) => passed.push(address),
                Err(cause) => refused = Some(cause),
            }
        }
        let mut last = None;
        for address in passed.into_iter().take(ADDRESSES_TRIED) {
            let connecting = TcpStream::connect(SocketAddr::new(address, port));
            // One dead address must not use up the time of the others.
            match tokio::time::timeout(self.deadline / 3, connecting).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(cause)) => {
                    last = Some(broken(url, format!("{address} port {port}: {cause}")));
                }
                Err(_) => last = Some(broken(url, format!("{address} port {port}: no connection"))),
            }
        }
        Err(last.unwrap_or_else(|| match refused {
            Some(cause) => FetchFailure::Address { url: shorten(url), cause },
            None => broken(url, "no address to connect to"),
        }))
    }
}

async fn exchange(
    url: &str,
    stream: TcpStream,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> Result<Bytes, FetchFailure> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| broken(url, cause))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|cause| broken(url, cause))?;
        read_body(url, response, limit).await
    };
    tokio::pin!(answer);
    tokio::pin!(connection);
    // The connection is driven here and not in a task of its own: when this future is dropped, so is the socket.
    tokio::select! {
        biased;
        result = &mut answer => return result,
        ended = &mut connection => {
            if let Err(cause) = ended {
                return Err(broken(url, cause));
            }
        }
    }
    answer.await
}

async fn read_body(url: &str, response: Response<Incoming>, limit: usize) -> Result<Bytes, FetchFailure> {
    let status = response.status().as_u16();
    if status != 200 {
        return Err(FetchFailure::Status { url: shorten(url), status });
    }
    let mut body = response.into_body();
    let mut octets = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| broken(url, cause))?;
        if let Ok(data) = frame.into_data() {
            if data.len() > limit - octets.len() {
                return Err(FetchFailure::TooLarge { url: shorten(url), limit });
            }
            octets.extend_from_slice(&data);
        }
    }
    Ok(octets.into())
}

/// Where a URL leads.
struct Place {
    host: String,
    port: u16,
    /// For the Host header.
    authority: String,
    /// Path and query.
    target: String,
}

impl Place {
    fn parse(url: &str) -> Result<Self, FetchFailure> {
        let wrong = |problem| FetchFailure::Url { url: shorten(url), problem };
        if url.len() > URL_MAX {
            return Err(wrong("it is too long"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("its scheme is not http"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it has a user name"));
        }
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(host)
            .trim_end_matches('.')
            .to_ascii_lowercase();
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            target: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }
}

fn broken(url: &str, cause: impl ToString) -> FetchFailure {
    FetchFailure::Broken { url: shorten(url), cause: cause.to_string() }
}

/// URLs come from certificates of strangers: only printable ASCII, and not too much of it, gets into messages.
pub(super) fn shorten(url: &str) -> String {
    let clean: String = url.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).take(200).collect();
    if url.chars().count() > 200 { format!("{clean}...") } else { clean }
}
