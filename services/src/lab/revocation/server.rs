//! The HTTP server of an operator: OCSP, CRLs and CA certificates of all its CAs.

use std::collections::BTreeMap;
use std::future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::BASE64;

use super::super::Error;
use super::super::pki::{Ca, Pointers};
use super::super::port::{Listening, Port};
use super::super::server_thread::ServerThread;
use super::status::{CrlBehaviour, OcspBehaviour};
use super::{crl, ocsp};

const OCSP_RESPONSE: &str = "application/ocsp-response";
const CRL: &str = "application/pkix-crl";
const CERTIFICATE: &str = "application/pkix-cert";

/// Answers for any number of CAs, each below a path of its own:
///
/// | path | what |
/// |---|---|
/// | `/<ca>/ocsp` | OCSP by POST, and by GET with the request in base64 behind another `/` (RFC 6960 appendix A) |
/// | `/<ca>/ca.crl` | the CRL |
/// | `/<ca>/ca.cer` | the CA's certificate, DER |
#[derive(Debug)]
pub struct RevocationServer {
    port: Port,
    cas: Cas,
    up: Mutex<Option<Up>>,
}

/// What there is while the server is up; the thread goes first.
#[derive(Debug)]
struct Up {
    _thread: ServerThread,
    _listening: Listening,
}

type Cas = Arc<RwLock<BTreeMap<String, Arc<Ca>>>>;

impl RevocationServer {
    /// Starts on a free port of this address.
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Thread`].
    pub fn start(ip: IpAddr) -> Result<Self, Error> {
        let server = Self { port: Port::hold(ip)?, cas: Cas::default(), up: Mutex::default() };
        server.up()?;
        Ok(server)
    }

    /// Where it listens, down or up.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// What certificates issued by the CA at this path should point to, published already or not.
    pub fn pointers(&self, path: &str) -> Pointers {
        let base = format!("http://{}/{path}", self.address());
        Pointers {
            ocsp: Some(format!("{base}/ocsp")),
            ca_issuers: Some(format!("{base}/ca.cer")),
            crl: Some(format!("{base}/ca.crl")),
        }
    }

    /// Answers for this CA at this path from now on.
    pub fn publish(&self, path: &str, ca: Arc<Ca>) {
        self.cas.write().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), ca);
    }

    /// Closes the port and every connection. Connections are refused until [`RevocationServer::up`].
    pub fn down(&self) {
        self.up.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Listens again on the same port; does nothing when it does already.
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Thread`].
    pub fn up(&self) -> Result<(), Error> {
        let mut up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        if up.is_some() {
            return Ok(());
        }
        let (listener, listening) = self.port.listen()?;
        let cas = Arc::clone(&self.cas);
        let serve = async move || {
            let served = match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => axum::serve(listener, router(cas)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::error!(%error, "a revocation server of the lab ended");
            }
        };
        let thread = ServerThread::spawn(&format!("ocsp:{}", self.address().port()), serve)?;
        *up = Some(Up { _thread: thread, _listening: listening });
        Ok(())
    }
}

fn router(cas: Cas) -> Router {
    Router::new()
        .route("/{ca}/ocsp", get(missing_request).post(ocsp_post))
        .route("/{ca}/ocsp/{*request}", get(ocsp_get))
        .route("/{ca}/ca.crl", get(crl_get))
        .route("/{ca}/ca.cer", get(certificate_get))
        .with_state(cas)
}

async fn missing_request() -> StatusCode {
    StatusCode::BAD_REQUEST
}

async fn ocsp_post(State(cas): State<Cas>, Path(ca): Path<String>, request: Bytes) -> Response {
    ocsp_answer(&cas, &ca, &request).await
}

async fn ocsp_get(State(cas): State<Cas>, Path((ca, request)): Path<(String, String)>) -> Response {
    match BASE64.decode(request.as_bytes()) {
        Ok(request) => ocsp_answer(&cas, &ca, &request).await,
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn ocsp_answer(cas: &Cas, path: &str, request: &[u8]) -> Response {
    let Some(ca) = find(cas, path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    ca.status().count_ocsp_request();
    match ca.status().ocsp() {
        OcspBehaviour::Hang => future::pending().await,
        OcspBehaviour::Garbage => ([(CONTENT_TYPE, OCSP_RESPONSE)], "not an OCSP response").into_response(),
        behaviour => body(OCSP_RESPONSE, ocsp::respond(&ca, request, behaviour)),
    }
}

async fn crl_get(State(cas): State<Cas>, Path(path): Path<String>) -> Response {
    let Some(ca) = find(&cas, &path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    ca.status().count_crl_request();
    match ca.status().crl() {
        CrlBehaviour::Hang => future::pending().await,
        CrlBehaviour::Missing => StatusCode::NOT_FOUND.into_response(),
        CrlBehaviour::Garbage => ([(CONTENT_TYPE, CRL)], "not a CRL").into_response(),
        behaviour => body(CRL, crl::issue(&ca, behaviour)),
    }
}

async fn certificate_get(State(cas): State<Cas>, Path(path): Path<String>) -> Response {
    match find(&cas, &path) {
        Some(ca) => body(CERTIFICATE, Ok(ca.certificate().to_vec())),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn find(cas: &Cas, path: &str) -> Option<Arc<Ca>> {
    cas.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
}

fn body(content_type: &'static str, octets: Result<Vec<u8>, Error>) -> Response {
    match octets {
        Ok(octets) => ([(CONTENT_TYPE, content_type)], octets).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
