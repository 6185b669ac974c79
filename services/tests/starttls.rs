//! Servers that begin without TLS, as authorities and `mecai check` see them: Postfix, Dovecot and PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use authority_support::{Ask, HOST, IP, Stand, ip, same_port};
use mecai::request::Protocol;
use mecai_daemons::{Certificate, Place, dovecot, postfix, postgres};
use mecai_services::lab::{Issued, Leaf, Process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const PROTOCOLS: [Protocol; 4] = [Protocol::Smtp, Protocol::Imap, Protocol::Pop3, Protocol::Postgres];

/// A stock server of this protocol, which shows this certificate at the shop's address.
fn serve(stand: &Stand, protocol: Protocol, issued: &Issued) -> (Process, SocketAddr) {
    let [port] = same_port([IP]);
    let files = stand.world.write_site(&format!("{}-{}", protocol.name(), port.address().port()), issued).unwrap();
    let directory = stand.world.make_directory(&[protocol.name()]).unwrap();
    let place = Place { directory: &directory, address: IP, port: port.address().port() };
    let certificate = Certificate { chain: &files.chain, key: &files.key };
    let command = match protocol {
        Protocol::Smtp => {
            postfix::prepare(&place, &postfix::with_tls(&certificate));
            postfix::prepared(&place)
        }
        Protocol::Imap | Protocol::Pop3 => dovecot::dovecot(&place, protocol.name(), &certificate, ""),
        _ => postgres::postgres(&place, &certificate, ""),
    };
    let mut process = Process::start(protocol.name(), command, &directory.join("output.log")).unwrap();
    process.wait_for_listeners(&[port.address()], Duration::from_secs(30)).unwrap();
    (process, port.address())
}

#[tokio::test]
async fn authorities_and_check_get_to_tls_in_every_protocol() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    stand.world.dns().set(HOST, &[ip(IP)]);
    let servers = PROTOCOLS.map(|protocol| (protocol, serve(&stand, protocol, &issued)));
    let ports: Vec<u16> = servers.iter().map(|(_, (_, address))| address.port()).collect();
    let authority = stand.authority(stand.config(1, &ports, "")).await;
    let other = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    for (protocol, (_process, address)) in &servers {
        let ask = Ask { protocol: *protocol, ..Ask::new(address.port(), issued.certificate()) };
        let (seen, _) = authority.ask(&ask).await.endorsed(&ask, &stand.key(1));
        assert_eq!(seen, [true]);
        // The certificate that the server shows is what is compared, as ever.
        let ask = Ask { protocol: *protocol, ..Ask::new(address.port(), other.certificate()) };
        assert_eq!(authority.ask(&ask).await.problem().0, "wrong_certificate");
        // And it was after the dialogue that it showed it.
        let ask = Ask { protocol: Protocol::Tls, ..ask };
        assert_eq!(authority.ask(&ask).await.problem().0, "handshake_failed");

        let mut check = Command::new(env!("CARGO_BIN_EXE_mecai"));
        check.args(["check", &format!("{HOST}:{}", address.port()), "--protocol", protocol.name(), "--json"]);
        check.args(["--connect", &address.ip().to_string()]).arg("--ca-file").arg(stand.world.roots());
        check.arg("--authorities").arg(stand.list()).args(["--authorities-keys", &stand.signer.pk.to_base64()]);
        let output = check.env_remove("OPENSSL_CONF").output().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(5), "{said}");
        assert_eq!((&said["chain_trusted"], &said["verdict"]["code"]), (&true.into(), &"no_voucher".into()), "{said}");
    }
}

/// A server that says this to whoever comes, and then reads on.
async fn saying(said: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((IP, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(said).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_does_not_let_tls_begin_is_no_server_for_the_certificate() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    stand.world.dns().set(HOST, &[ip(IP)]);
    let cases = [
        (
            Protocol::Smtp,
            saying(b"220 m\r\n250-m\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n").await,
            "more than its answer",
        ),
        (Protocol::Imap, saying(b"* BYE\r\n").await, "\"* BYE\""),
        (Protocol::Pop3, saying(b"220 smtp\r\n").await, "no invitation to speak pop3"),
        (Protocol::Postgres, saying(b"N").await, "SSLRequest"),
        (Protocol::Postgres, saying(b"S\x16\x03\x01").await, "3 octets more than its answer"),
    ];
    let ports: Vec<u16> = cases.iter().map(|(_, address, _)| address.port()).collect();
    let authority = stand.authority(stand.config(1, &ports, "[deadlines]\nprobe = 3")).await;
    for (protocol, address, words) in cases {
        let ask = Ask { protocol, ..Ask::new(address.port(), issued.certificate()) };
        let (code, detail) = authority.ask(&ask).await.problem();
        assert_eq!(code, "handshake_failed");
        assert!(detail.contains(words), "{words}: {detail}");
    }
}
