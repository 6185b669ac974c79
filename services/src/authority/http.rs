//! The HTTP side (spec section 9): one path, one method, an endorsement or an RFC 9457 problem.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use mecai::request::{ENDORSEMENT_TYPE, METHOD, PATH, PROBLEM_TYPE, REQUEST_MAX, REQUEST_TYPE};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::issue::Issuer;
use super::refusal::Refusal;

/// Connections at a time; further ones wait in the listener's queue.
const CONNECTIONS: usize = 4_096;
/// The head of a request has at most so many octets.
const HEAD_MAX: usize = 16 * 1024;
/// A request's head, and then its body, must arrive within this time.
const ARRIVAL: Duration = Duration::from_secs(10);
/// Requests under way get this long to end when the authority stops.
const GRACE: Duration = Duration::from_secs(35);
/// After a failed accept, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is ready, then lets the requests under way end.
pub async fn serve(listener: TcpListener, issuer: Arc<Issuer>, proxies: Vec<IpNet>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let handler = Arc::new(Handler { issuer, proxies });
    tokio::pin!(stop);
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(cause) => {
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request| {
            let handler = Arc::clone(&handler);
            async move { Ok::<_, Infallible>(handler.handle(request, peer.ip()).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(ARRIVAL)
            .max_buf_size(HEAD_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(cause) = connection.await {
                tracing::debug!(%peer, %cause, "a connection ended badly");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way {} s after the authority was told to stop", GRACE.as_secs());
    }
}

struct Handler {
    issuer: Arc<Issuer>,
    proxies: Vec<IpNet>,
}

impl Handler {
    async fn handle(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
        let requester = requester(peer, request.headers(), &self.proxies);
        let issuer = Arc::clone(&self.issuer);
        // In a task of its own: what has begun is finished and recorded, even if the requester goes away.
        let answer = tokio::spawn(async move { issuer.answer(requester, read(request).await).await });
        match answer.await {
            Ok(Ok(endorsement)) => endorsed(endorsement),
            Ok(Err(refusal)) => problem(&refusal),
            Err(cause) => problem(&Refusal::Internal(cause.to_string())),
        }
    }
}

/// The body of a request that has the right form around it.
async fn read(request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
    let path = request.uri().path();
    if path.strip_prefix('/') != Some(PATH) {
        return Err(Refusal::NotFound(path.chars().take(100).collect()));
    }
    if request.method().as_str() != METHOD {
        return Err(Refusal::MethodNotAllowed(request.method().as_str().chars().take(20).collect()));
    }
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("missing");
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(REQUEST_TYPE) {
        return Err(Refusal::MediaType(media_type.chars().take(100).collect()));
    }
    let body = Limited::new(request.into_body(), REQUEST_MAX).collect();
    match tokio::time::timeout(ARRIVAL, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(cause)) if cause.is::<LengthLimitError>() => Err(Refusal::TooLarge),
        Ok(Err(cause)) => Err(Refusal::Body(cause.to_string())),
        Err(_) => Err(Refusal::Body(format!("it took longer than {} s", ARRIVAL.as_secs()))),
    }
}

/// Who asks: the peer, or what the nearest proxy that is not one of ours says.
fn requester(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
    let mut requester = peer.to_canonical();
    let values = headers.get_all("x-forwarded-for").iter().rev().filter_map(|value| value.to_str().ok());
    for hop in values.flat_map(|value| value.rsplit(',')) {
        if !is_proxy(&requester) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        requester = address.to_canonical();
    }
    requester
}

fn endorsed(endorsement: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(endorsement)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(ENDORSEMENT_TYPE));
    response
}

fn problem(refusal: &Refusal) -> Response<Full<Bytes>> {
    let problem = refusal.problem();
    let now = match refusal {
        Refusal::Clock { now, .. } => Some(*now),
        _ => None,
    };
    let mut response = Response::new(Full::new(Bytes::from(problem.to_json(&refusal.detail(), now))));
    *response.status_mut() = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
    match refusal {
        Refusal::MethodNotAllowed(_) => {
            headers.insert(ALLOW, HeaderValue::from_static(METHOD));
        }
        Refusal::Limited(limited) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(limited.retry_after().as_secs()));
        }
        _ => {}
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_our_own_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("203.0.113.9, 198.51.100.7"));
        headers.append("x-forwarded-for", HeaderValue::from_static("10.0.0.2"));
        for (peer, expected) in
            [("10.0.0.1", "198.51.100.7"), ("192.0.2.1", "192.0.2.1"), ("::ffff:10.0.0.1", "198.51.100.7")]
        {
            assert_eq!(requester(ip(peer), &headers, &proxies), ip(expected), "{peer}");
        }
        headers.append("x-forwarded-for", HeaderValue::from_static("nobody"));
        assert_eq!(requester(ip("10.0.0.1"), &headers, &proxies), ip("10.0.0.1"));
    }
}
