//! Handshakes with more to them than a ClientHello and an answer: they are judged once, and rightly.

use std::fs;
use std::process::Command;

use crate::daemons::{Daemon, apache, certificate, nginx};
use crate::server::{config, s_client, store};
use crate::world::{HOST, Site, Vouched, World, said};

/// A world, and a site with vouchers in its store.
fn world() -> (World, Site) {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    store(&world, &site, &[world.bundle(&Vouched::for_site(&site))]);
    (world, site)
}

/// Connects, asks for the path, and says the status of the answer, or which error there was.
const PYTHON: &str = "
import socket, ssl, sys
root, port, path, version, *own = sys.argv[1:]
context = ssl.create_default_context(cafile=root)
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
context.post_handshake_auth = True
if own: context.load_cert_chain(*own)
try:
    with socket.create_connection(('127.0.0.1', int(port))) as plain:
        with context.wrap_socket(plain, server_hostname='www.shop.example') as tls:
            tls.sendall(b'GET ' + path.encode() + b' HTTP/1.0\\r\\nHost: www.shop.example\\r\\n\\r\\n')
            print(tls.recv(12).decode())
except ssl.SSLError as error: print(type(error).__name__, error.reason)
";

fn python(world: &World, config: &str, daemon: &Daemon, arguments: &[&str]) -> String {
    let mut command = Command::new("python3");
    command.env("OPENSSL_CONF", config).args(["-c", PYTHON, &world.path("root.pem"), &daemon.port.to_string()]);
    said(&command.args(arguments).output().unwrap())
}

fn curl(world: &World, config: &str, daemon: &Daemon, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("curl");
    command.env("OPENSSL_CONF", config).args(["-sS", "--max-time", "20", "--cacert", &world.path("root.pem")]);
    command.args(["--resolve", &format!("{HOST}:{}:127.0.0.1", daemon.port)]).args(arguments);
    let output = command.arg(format!("https://{HOST}:{}/", daemon.port)).output().unwrap();
    (output.status.code(), said(&output))
}

/// All clients offer a share of X25519 first; a server that wants P-384 asks for another ClientHello.
#[test]
fn a_client_that_is_asked_to_come_again_is_judged_once() {
    let (world, site) = world();
    let client = world.write_config("client", &[]);
    let block = |certificate| {
        format!("server {{ listen 127.0.0.1:PORT ssl; ssl_ecdh_curve secp384r1; {certificate} return 204; }}")
    };
    let bare = world.site("bare", &[HOST]);
    for (name, site, is_good) in [("good", &site, true), ("bare", &bare, false)] {
        let nginx = nginx(&world, name, &block(certificate(site)), Some(&config(&world)));
        let outcome = if is_good { "accepted" } else { "refused" };
        let judged_once = || {
            let log = world.take_log();
            assert_eq!((log.lines().count(), log.matches(&format!("{outcome} {HOST}")).count()), (1, 1), "{log}");
        };
        let hellos = s_client(&world, &client, &nginx, &["-servername", HOST, "-tls1_3", "-msg"]);
        assert_eq!(hellos.matches("ClientHello").count(), 2, "{hellos}");
        assert_eq!(hellos.contains("Verification: OK"), is_good, "{hellos}");
        judged_once();
        let (status, output) = curl(&world, &client, &nginx, &["--tlsv1.3"]);
        assert_eq!(status, Some(if is_good { 0 } else { 60 }), "{output}");
        judged_once();
        let python = python(&world, &client, &nginx, &["/", "TLSv1_3"]);
        assert!(python.contains(if is_good { "HTTP/1.1 204" } else { "SSLCertVerificationError" }), "{python}");
        judged_once();
        // Without the module nothing changes for the client.
        assert_eq!(curl(&world, "/dev/null", &nginx, &["--tlsv1.3"]).0, Some(0));
    }
}

/// The server has the module for both sides: it must not judge its clients.
#[test]
fn nginx_asks_for_a_client_certificate_and_decides_by_itself() {
    let (world, site) = world();
    let both = world.write_config("both", &[("vouchers", &world.path("vouchers"))]);
    let (user, stranger) = (world.site("user", &["user.example"]), World::new());
    let stranger = stranger.site("stranger", &["user.example"]);
    let block = format!(
        "server {{ listen 127.0.0.1:PORT ssl; {} ssl_client_certificate {}; ssl_verify_client on;\n\
         location / {{ return 200 $ssl_client_verify; }} }}",
        certificate(&site),
        world.path("root.pem")
    );
    let nginx = nginx(&world, "nginx", &block, Some(&both));
    for version in ["1.2", "1.3"] {
        for (own, answer) in [(Some(&user), "SUCCESS"), (Some(&stranger), "400 Bad Request"), (None, "400 Bad Request")]
        {
            let own = own.map(|site| [site.certificate.to_str().unwrap(), site.key.to_str().unwrap()]);
            let own = own.map_or(vec![], |[certificate, key]| vec!["--cert", certificate, "--key", key]);
            let (status, output) = curl(&world, &both, &nginx, &[&["--tls-max", version], &own[..]].concat());
            assert_eq!(status, Some(0), "{version}: {output}");
            assert!(output.contains(answer), "{version}: {output}");
            let log = world.take_log();
            assert_eq!((log.lines().count(), log.matches("curl[").count()), (1, 1), "{log}");
            assert!(log.contains("accepted"), "{log}");
        }
    }
}

/// Apache asks for a certificate once it knows the path: in TLS 1.3 after the handshake, in TLS 1.2 by a second one.
#[test]
fn a_server_may_ask_for_the_clients_certificate_later() {
    let (world, site) = world();
    let both = world.write_config("both", &[("vouchers", &world.path("vouchers"))]);
    let (user, stranger) = (world.site("user", &["user.example"]), World::new());
    let stranger = stranger.site("stranger", &["user.example"]);
    let host = format!(
        "<VirtualHost *:PORT>\nServerName {HOST}\nSSLEngine on\nSSLCertificateFile {}\nSSLCertificateKeyFile {}\n\
         SSLCACertificateFile {}\n<Location /members>\nSSLVerifyClient require\n</Location>\n</VirtualHost>",
        site.certificate.display(),
        site.key.display(),
        world.path("root.pem")
    );
    let apache = apache(&world, "apache", &host, Some(&both));
    fs::write(apache.directory.join("root/members"), "ok\n").unwrap();
    // A renegotiation in TLS 1.2 is a handshake of its own.
    for (version, handshakes) in [("TLSv1_2", 2), ("TLSv1_3", 1)] {
        for (own, path, answer, handshakes) in [
            (None, "/index.html", "HTTP/1.1 200", 1),
            (Some(&user), "/members", "HTTP/1.1 200", handshakes),
            (Some(&stranger), "/members", "", handshakes),
            (None, "/members", "", handshakes),
        ] {
            let own = own.map(|site| [site.certificate.to_str().unwrap(), site.key.to_str().unwrap()]);
            let arguments: Vec<&str> = [path, version].into_iter().chain(own.into_iter().flatten()).collect();
            let output = python(&world, &both, &apache, &arguments);
            if answer.is_empty() {
                assert!(!output.contains("HTTP/1.1 200"), "{version}: {output}");
            } else {
                assert!(output.contains(answer), "{version}: {output}\n{}", apache.said());
            }
            let log = world.take_log();
            let accepted = log.matches(&format!("accepted {HOST}")).count();
            assert_eq!((log.lines().count(), accepted), (handshakes, handshakes), "{version} {path}: {log}");
        }
    }
}
