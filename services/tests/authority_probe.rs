//! The probe against real servers, and against servers that mean harm.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use authority_support::shop::private_key;
use authority_support::{HOST, IP, Stand, ip, now, same_port};
use mecai::chain::certificate_digest;
use mecai::request::{Problem, Protocol};
use mecai::time::UnixTime;
use mecai_services::authority::checks::handshake::{HandshakeFailure, Handshaker, KeyType};
use mecai_services::authority::checks::probe::{ProbeFailure, Prober, seen};
use mecai_services::authority::checks::shown::{Shown, Wanted, Way};
use mecai_services::lab::{Issued, Leaf, Process, Validity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn prober(deadline: Duration, octets: usize) -> Prober {
    Prober::new(Handshaker::new(Duration::from_millis(500), octets).unwrap(), deadline, 64)
}

fn wanted(port: u16, certificate: [u8; 32]) -> Wanted<'static> {
    Wanted { certificate, host: HOST, port, protocol: Protocol::Tls, now: UnixTime(now()) }
}

async fn look(address: SocketAddr, issued: &Issued) -> Result<Shown, ProbeFailure> {
    let prober = prober(Duration::from_secs(10), 256 * 1024);
    let wanted = wanted(address.port(), certificate_digest(issued.certificate()));
    let mut sightings = prober.probe(&[address.ip()], &wanted).await;
    sightings.remove(0).result
}

#[tokio::test]
async fn it_finds_each_of_several_certificates_in_both_versions() {
    let stand = Stand::new(1);
    let keys = [
        (KeyType::Ecdsa, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..]),
        (KeyType::Rsa, &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        (KeyType::Eddsa, &["-algorithm", "ED25519"]),
    ];
    let issue = |algorithm| stand.operator(0).issue(&Leaf::new([HOST]).key(private_key(algorithm))).unwrap();
    let issued = keys.map(|(key_type, algorithm)| (key_type, issue(algorithm)));
    let all: Vec<&Issued> = issued.iter().map(|(_, issued)| issued).collect();
    for version in ["TLSv1.2", "TLSv1.3"] {
        let [port] = same_port([IP]);
        let site = stand.site_at(&port, &all, &format!("ssl_protocols {version};"));
        for (key_type, issued) in &issued {
            let shown = look(site.address, issued).await.unwrap();
            assert_eq!(shown.chain, issued.chain());
            assert_eq!((shown.way, shown.key_type, shown.version), (Way::Own, *key_type, version));
        }
        let absent = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
        let ProbeFailure::OtherCertificate(others) = look(site.address, &absent).await.unwrap_err() else {
            panic!("a certificate that is not there was found");
        };
        assert_eq!(others.not_counted, []);
        let mut expected: Vec<_> = all.iter().map(|issued| certificate_digest(issued.certificate())).collect();
        assert!(others.shown.iter().all(|(way, _)| *way == Way::Own));
        let mut shown: Vec<_> = others.shown.into_iter().map(|(_, hash)| hash).collect();
        shown.sort_unstable();
        expected.sort_unstable();
        assert_eq!(shown, expected);
    }
}

#[tokio::test]
async fn a_bad_certificate_does_not_stop_the_handshake() {
    let stand = Stand::new(1);
    let expired = Leaf::new(["www.other.example"]).validity(Validity::expired(60));
    let issued = stand.operator(0).issue(&expired).unwrap();
    let site = stand.site(&issued, "");
    assert_eq!(look(site.address, &issued).await.unwrap().chain, issued.chain());
}

#[tokio::test]
async fn it_brings_the_stapled_response() {
    let stand = Stand::new(1);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let staple = stand.operator(0).intermediate().staple(issued.serial()).unwrap();
    let file = stand.directory.path().join("staple.der");
    std::fs::write(&file, &staple).unwrap();
    let site = stand.site(&issued, &format!("ssl_stapling on; ssl_stapling_file {};", file.display()));
    assert_eq!(look(site.address, &issued).await.unwrap().ocsp, Some(staple));
    let plain = stand.site(&issued, "");
    assert_eq!(look(plain.address, &issued).await.unwrap().ocsp, None);
}

/// A server that decrypts for others (ROBOT) lets them finish handshakes with key transport in its name.
#[tokio::test]
async fn key_transport_by_rsa_is_no_proof() {
    let stand = Stand::new(1);
    let key = private_key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    let issued = stand.operator(0).issue(&Leaf::new([HOST]).key(key)).unwrap();
    let files = stand.world.write_site(HOST, &issued).unwrap();
    for (cipher, finishes) in [("AES128-GCM-SHA256", false), ("ECDHE-RSA-AES128-GCM-SHA256", true)] {
        let [port] = same_port([IP]);
        let address = port.address();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-tls1_2", "-www", "-cipher", cipher, "-accept", &address.to_string()]);
        command.arg("-cert").arg(&files.chain).arg("-cert_chain").arg(&files.chain).arg("-key").arg(&files.key);
        let log = stand.directory.path().join("s_server.log");
        let mut server = Process::start("s_server", command, &log).unwrap();
        server.wait_for_listeners(&[address], Duration::from_secs(10)).unwrap();
        let result = look(address, &issued).await;
        assert_eq!(result.is_ok(), finishes, "{cipher}: {result:?}");
        if let Err(failure) = result {
            assert!(matches!(failure, ProbeFailure::Handshake(HandshakeFailure::Tls(_))), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_server_that_sends_too_much_is_cut_off() {
    let stand = Stand::new(1);
    let mut issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let ballast = stand.operator(0).root().certificate().to_vec();
    for _ in 0..40 {
        issued.append(ballast.clone());
    }
    let site = stand.site(&issued, "");
    let wanted = wanted(site.address.port(), certificate_digest(issued.certificate()));
    let few = prober(Duration::from_secs(10), 8_192);
    let result = few.probe(&[ip(IP)], &wanted).await.remove(0).result;
    assert_eq!(result.unwrap_err(), ProbeFailure::Handshake(HandshakeFailure::TooLarge(8_192)));
    assert_eq!(look(site.address, &issued).await.unwrap().chain.len(), 42);
}

/// How a hostile server treats one connection.
async fn mistreat(kind: usize, mut stream: TcpStream) -> std::io::Result<()> {
    let mut hello = [0; 512];
    match kind {
        // Reads and says nothing.
        0 => while stream.read(&mut hello).await? > 0 {},
        // The head of a long record, then one octet of it at a time.
        1 => {
            stream.write_all(&[0x16, 3, 3, 0x3F, 0xFF]).await?;
            loop {
                stream.write_all(&[2]).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        // Something else than TLS, without end.
        2 => loop {
            stream.write_all(b"220 welcome to a mail server\r\n").await?;
        },
        // Records that mean nothing, without end: change_cipher_spec is passed over in TLS 1.3.
        3 => loop {
            stream.write_all(&[0x14, 3, 3, 0, 1, 1]).await?;
        },
        // An alert.
        4 => stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await?,
        // Hangs up.
        _ => drop(stream),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_and_slow_servers_end_by_the_deadline_and_hold_up_nobody() {
    let stand = Stand::new(1);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let ports = same_port([IP, "127.10.0.2", "127.10.0.3", "127.10.0.4", "127.10.0.5", "127.10.0.6", "127.10.0.7"]);
    let site = stand.site_at(&ports[0], &[&issued], "");
    let mut addresses: Vec<IpAddr> = vec![ip(IP)];
    let mut servers = Vec::new();
    for (kind, port) in ports[1..].iter().enumerate() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(port.address()).unwrap();
        let listener: TcpListener = socket.listen(64).unwrap();
        addresses.push(port.address().ip());
        servers.push(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(mistreat(kind, stream));
            }
        }));
    }
    let deadline = Duration::from_secs(2);
    let prober = prober(deadline, 64 * 1024);
    let wanted = wanted(site.address.port(), certificate_digest(issued.certificate()));
    let started = Instant::now();
    let sightings = prober.probe(&addresses, &wanted).await;
    let took = started.elapsed();
    assert!(took < deadline + Duration::from_secs(1), "{took:?}");
    let failures: Vec<String> = sightings[1..].iter().map(|sighting| format!("{:?}", sighting.result)).collect();
    assert!(sightings[1..].iter().all(|sighting| sighting.result.is_err()), "{failures:#?}");
    assert_eq!(sightings[1].result, Err(ProbeFailure::Timeout(deadline)), "{failures:#?}");
    let found = seen(sightings, wanted.certificate).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, ip(IP));
    for server in servers {
        server.abort();
    }
}

#[tokio::test]
async fn the_problem_is_that_of_the_address_that_got_furthest() {
    let stand = Stand::new(1);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let [site_port, plain, closed] = same_port([IP, "127.10.0.2", "127.10.0.3"]);
    let site = stand.site_at(&site_port, &[&issued], "");
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(plain.address()).unwrap();
    let listener = socket.listen(8).unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(mistreat(2, stream));
        }
    });
    let prober = prober(Duration::from_secs(5), 64 * 1024);
    let port = site.address.port();
    let problem = async |addresses: &[IpAddr]| {
        let sightings = prober.probe(addresses, &wanted(port, [7; 32])).await;
        seen(sightings, [7; 32]).unwrap_err().problem()
    };
    let (refused, mail) = (closed.address().ip(), plain.address().ip());
    assert_eq!(problem(&[refused]).await, Problem::ConnectionFailed);
    assert_eq!(problem(&[refused, mail]).await, Problem::HandshakeFailed);
    assert_eq!(problem(&[refused, mail, ip(IP)]).await, Problem::WrongCertificate);
    server.abort();
}
