//! Fetches of OCSP responses and CRLs go where a stranger's certificate says: what they may reach, and what they bear.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use authority_support::{Stand, ip};
use mecai_services::authority::checks::addresses::{AddressFilter, PortFilter};
use mecai_services::authority::checks::dns::{Dns, DnsFailure};
use mecai_services::authority::checks::fetch::{FetchFailure, Fetcher};
use mecai_services::lab::DnsBehaviour;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const NAME: &str = "ocsp.ca.example";
const LIMIT: usize = 10_000;

/// What a server says to everybody, after the request's head.
#[derive(Clone)]
enum Says {
    /// These octets, and then it hangs up.
    Once(String),
    /// A good head, then an octet now and then.
    Drip,
    /// A good head without a length, then octets without end.
    Flood,
    /// A head without end.
    Head,
    /// Nothing.
    Nothing,
}

/// A server that counts its connections.
struct Raw {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Raw {
    async fn start(at: &str, says: Says) -> Self {
        let listener = TcpListener::bind((ip(at), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(say(stream, says.clone()));
            }
        });
        Self { address, connections, task }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn say(mut stream: TcpStream, says: Says) -> std::io::Result<()> {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await?;
    match says {
        Says::Once(text) => stream.write_all(text.as_bytes()).await?,
        Says::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n").await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Says::Flood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 1024]).await?;
            }
        }
        Says::Head => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"X-More: and more and more and more\r\n").await?;
            }
        }
        Says::Nothing => while stream.read(&mut head).await? > 0 {},
    }
    Ok(())
}

fn fetcher(stand: &Stand, allow: &[&str], ports: &[u16]) -> Fetcher {
    Fetcher {
        dns: Dns::new(&[stand.world.dns().address()], Duration::from_secs(1)).unwrap(),
        addresses: Arc::new(AddressFilter::new(allow.iter().map(|net| net.parse().unwrap()).collect())),
        ports: PortFilter::new(ports.iter().copied()),
        deadline: Duration::from_millis(1_500),
    }
}

#[tokio::test]
async fn it_gets_and_posts_by_name_and_by_address() {
    let stand = Stand::new(1);
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
    let raw = Raw::start("127.10.0.1", Says::Once(good.to_owned())).await;
    stand.world.dns().set(NAME, &[ip("127.10.0.1")]);
    let fetcher = fetcher(&stand, &["127.0.0.0/8"], &[raw.address.port()]);
    let named = format!("http://{NAME}:{}/a?b=c", raw.address.port());
    for url in [raw.url(), named] {
        assert_eq!(fetcher.get(&url, LIMIT).await.unwrap(), "good");
        assert_eq!(fetcher.post(&url, "application/ocsp-request", vec![1], LIMIT).await.unwrap(), "good");
    }
}

#[tokio::test]
async fn ssrf_special_addresses_are_not_connected_to() {
    let stand = Stand::new(1);
    let raw = Raw::start("127.10.0.1", Says::Nothing).await;
    let port = raw.address.port();
    let fetcher = fetcher(&stand, &["127.99.0.0/16"], &[port]);
    stand.world.dns().set(NAME, &[ip("127.10.0.1"), ip("10.0.0.1"), ip("::1")]);
    for host in [NAME, "127.10.0.1", "[::1]", "[::ffff:127.10.0.1]", "[64:ff9b::7f0a:1]", "0.0.0.0", "169.254.169.254"]
    {
        let failure = fetcher.get(&format!("http://{host}:{port}/"), LIMIT).await.unwrap_err();
        assert!(matches!(failure, FetchFailure::Address { .. }), "{host}: {failure}");
    }
    assert_eq!(raw.connections(), 0);
}

/// A name that points to a good address when it is looked at, and inside when it is used: it is looked at once.
#[tokio::test]
async fn ssrf_dns_rebinding_has_nothing_to_rebind() {
    let stand = Stand::new(1);
    let raw = Raw::start("127.10.0.1", Says::Nothing).await;
    let inside = TcpListener::bind((ip("127.20.0.1"), raw.address.port())).await.unwrap();
    let fetcher = fetcher(&stand, &["127.10.0.0/16"], &[raw.address.port()]);
    stand.world.dns().set(NAME, &[ip("127.10.0.1"), ip("127.20.0.1")]);
    let url = format!("http://{NAME}:{}/", raw.address.port());
    let flip = async {
        // The answer changes as soon as the fetch has its own.
        while raw.connections() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stand.world.dns().set(NAME, &[ip("127.20.0.1")]);
    };
    let (failure, ()) = tokio::join!(fetcher.get(&url, LIMIT), flip);
    assert!(matches!(failure, Err(FetchFailure::Timeout { .. })), "{failure:?}");
    // One question each for A and AAAA.
    assert_eq!(stand.world.dns().questions(NAME), 2);
    assert!(matches!(fetcher.get(&url, LIMIT).await, Err(FetchFailure::Address { .. })));
    assert!(tokio::time::timeout(Duration::from_millis(50), inside.accept()).await.is_err());
}

#[tokio::test]
async fn ssrf_redirects_are_not_followed() {
    let stand = Stand::new(1);
    let target = Raw::start("127.10.0.1", Says::Nothing).await;
    for status in [301, 302, 303, 307, 308] {
        let redirect = format!("HTTP/1.1 {status} x\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", target.url());
        let raw = Raw::start("127.10.0.2", Says::Once(redirect)).await;
        let fetcher = fetcher(&stand, &["127.0.0.0/8"], &[raw.address.port(), target.address.port()]);
        let failure = fetcher.get(&raw.url(), LIMIT).await.unwrap_err();
        assert!(matches!(failure, FetchFailure::Status { status: found, .. } if found == status), "{failure}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn ports_and_urls_are_restricted() {
    let stand = Stand::new(1);
    let raw = Raw::start("127.10.0.1", Says::Nothing).await;
    let fetcher = fetcher(&stand, &["127.0.0.0/8"], &[80]);
    let failure = fetcher.get(&raw.url(), LIMIT).await.unwrap_err();
    assert!(matches!(failure, FetchFailure::Port { .. }), "{failure}");
    assert_eq!(raw.connections(), 0);
    let long = format!("http://{NAME}/{}", "x".repeat(3_000));
    for url in [
        "https://127.10.0.1/",
        "ldap://ca.example/",
        "file:///etc/passwd",
        "http://u:p@127.10.0.1/",
        "/",
        "",
        "http://",
        &long,
    ] {
        let failure = fetcher.get(url, LIMIT).await.unwrap_err();
        assert!(matches!(failure, FetchFailure::Url { .. }), "{url}: {failure}");
        assert!(failure.to_string().len() < 400, "{failure}");
    }
}

#[tokio::test]
async fn slow_and_endless_answers_end_at_a_limit() {
    let stand = Stand::new(1);
    for (says, timeout) in [(Says::Drip, true), (Says::Nothing, true), (Says::Flood, false), (Says::Head, false)] {
        let raw = Raw::start("127.10.0.1", says).await;
        let fetcher = fetcher(&stand, &["127.0.0.0/8"], &[raw.address.port()]);
        let started = Instant::now();
        let failure = fetcher.get(&raw.url(), LIMIT).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_millis(2_500), "{:?}", started.elapsed());
        assert_eq!(matches!(failure, FetchFailure::Timeout { .. }), timeout, "{failure}");
    }
    let exact = format!("HTTP/1.1 200 OK\r\nContent-Length: {LIMIT}\r\n\r\n{}", "x".repeat(LIMIT));
    let more = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(LIMIT + 1));
    for (text, passes) in [(exact, true), (more, false)] {
        let raw = Raw::start("127.10.0.1", Says::Once(text)).await;
        let fetcher = fetcher(&stand, &["127.0.0.0/8"], &[raw.address.port()]);
        let result = fetcher.get(&raw.url(), LIMIT).await;
        assert_eq!(result.is_ok(), passes, "{result:?}");
    }
}

#[tokio::test]
async fn answers_that_are_no_good_http_are_told() {
    let stand = Stand::new(1);
    for text in [
        "",
        "220 mail\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n",
    ] {
        let raw = Raw::start("127.10.0.1", Says::Once(text.to_owned())).await;
        let fetcher = fetcher(&stand, &["127.0.0.0/8"], &[raw.address.port()]);
        let failure = fetcher.get(&raw.url(), LIMIT).await.unwrap_err();
        assert!(matches!(failure, FetchFailure::Broken { .. } | FetchFailure::Status { .. }), "{text:?}: {failure}");
        assert!(!failure.to_string().contains('\n'), "{failure}");
    }
}

#[tokio::test]
async fn names_that_do_not_exist_and_resolvers_that_fail_are_told_apart() {
    let stand = Stand::new(1);
    let zone = stand.world.dns();
    let dns = Dns::new(&[zone.address()], Duration::from_millis(700)).unwrap();
    zone.set("both.example", &[ip("2001:db8::1"), ip("192.0.2.1"), ip("::ffff:192.0.2.9")]);
    zone.set("empty.example", &[]);
    zone.set_behaviour("failing.example", DnsBehaviour::ServFail);
    zone.set_behaviour("silent.example", DnsBehaviour::Drop);
    assert_eq!(dns.addresses("both.example").await.unwrap(), [ip("192.0.2.1"), ip("2001:db8::1")]);
    assert_eq!(dns.addresses("192.0.2.7").await.unwrap(), [ip("192.0.2.7")]);
    let failure = |host: &'static str| {
        let dns = dns.clone();
        async move { dns.addresses(host).await.unwrap_err() }
    };
    assert!(matches!(failure("gone.example").await, DnsFailure::NoSuchName { .. }));
    assert!(matches!(failure("empty.example").await, DnsFailure::NoAddress { .. }));
    assert!(matches!(failure("failing.example").await, DnsFailure::Failed { .. }));
    let started = Instant::now();
    assert!(matches!(failure("silent.example").await, DnsFailure::Timeout { .. }));
    assert!(started.elapsed() < Duration::from_secs(2));
}
