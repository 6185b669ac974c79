//! One certificate with several names, one name with several certificates, several ports: the right bundles each time.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mecai::bundle::Bundle;
use mecai::chain::certificate_digest;
use mecai::extension::{ANSWER_MAX, VOUCHERS, read_bundles};

use crate::daemons::{Daemon, apache, certificate, certificate_and_key, haproxy, nginx};
use crate::server::{config, s_client, store};
use crate::world::{Site, Vouched, World};

const A: &str = "a.example";
const B: &str = "b.example";
const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// What a bundle is for: the host, the port, and the certificate.
type Stated = (String, u16, Vec<u8>);

fn stated(host: &str, port: u16, site: &Site) -> Stated {
    (host.to_owned(), port, certificate_digest(&site.der).to_vec())
}

/// A connection that asks for vouchers with this name as SNI, or without SNI, and what it was shown, in order.
fn shown(world: &World, daemon: &Daemon, name: Option<&str>, arguments: &[&str]) -> Vec<Stated> {
    let observe = world.write_config("observe", &[("mode", "observe"), ("log", "off")]);
    let sni = name.map_or(vec!["-noservername"], |name| vec!["-servername", name]);
    let said = s_client(world, &observe, daemon, &[&sni[..], &["-msg"], arguments].concat());
    assert!(said.contains("\nNew, TLSv1."), "{said}\n{}", daemon.said());
    // Of a message that is received, the octets stand in lines of hexadecimal numbers below its name.
    let mut received = Vec::new();
    let mut is_received = false;
    for line in said.lines() {
        match line.split_once(' ') {
            Some(("<<<" | ">>>", _)) => is_received = line.starts_with("<<<"),
            _ if is_received && line.starts_with("    ") => {
                received.extend(line.split_whitespace().map_while(|octet| u8::from_str_radix(octet, 16).ok()));
            }
            _ => is_received = false,
        }
    }
    let number = VOUCHERS.to_be_bytes();
    let answers = received.windows(2).enumerate().filter(|(_, window)| *window == number).filter_map(|(place, _)| {
        let (length, rest) = received[place + 2..].split_first_chunk::<2>()?;
        let answer = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        assert!(answer.len() <= ANSWER_MAX);
        read_bundles(answer).ok()?.map(|bundle| Bundle::from_der(bundle).ok()).collect::<Option<Vec<_>>>()
    });
    let bundles = answers.flatten().map(|bundle| {
        let statement = bundle.statement();
        (statement.host().to_owned(), statement.port(), statement.certificate().to_vec())
    });
    bundles.collect()
}

/// Puts a bundle into the store for each host and port of the site's certificate.
fn vouch(world: &World, site: &Site, hosts: &[&str], ports: &[u16]) {
    let bundle = |host, port| world.bundle(&Vouched { host, port, ..Vouched::for_site(site) });
    let bundles: Vec<_> = hosts.iter().flat_map(|host| ports.iter().map(|port| bundle(host, *port))).collect();
    store(world, site, &bundles);
}

/// Whether clients that demand vouchers accept the server for this name, in both versions.
fn is_accepted(world: &World, daemon: &Daemon, name: &str, arguments: &[&str]) -> bool {
    let require = world.write_config("require", &[]);
    let arguments = [&["-servername", name, "-verify_hostname", name], arguments].concat();
    let said = s_client(world, &require, daemon, &arguments);
    let is_accepted = said.contains("Verification: OK");
    assert_eq!(world.take_log().contains(&format!("accepted {name}: ")), is_accepted, "{said}\n{}", daemon.said());
    is_accepted
}

#[test]
fn each_name_of_a_certificate_has_its_own_bundles_for_every_port() {
    let world = World::new();
    let site = world.site("site", &[A, B, "c.example"]);
    vouch(&world, &site, &[A, B], &[443, 8443]);
    let of = |host| [stated(host, 443, &site), stated(host, 8443, &site)];
    let server = format!("server {{ listen 127.0.0.1:PORT ssl; {} return 204; }}", certificate(&site));
    let nginx = nginx(&world, "nginx", &server, Some(&config(&world)));
    for version in VERSIONS {
        // The server does not know which port the client means: it shows those of all, on any.
        assert_eq!(shown(&world, &nginx, Some(A), &[version]), of(A), "{version}");
        assert_eq!(shown(&world, &nginx, Some(B), &[version]), of(B), "{version}");
        assert_eq!(shown(&world, &nginx, Some("B.eXample"), &[version]), of(B), "{version}");
        assert_eq!(shown(&world, &nginx, None, &[version]), [of(A), of(B)].concat(), "{version}");
        for other in ["c.example", "x.example", "example", "a.example.x"] {
            assert_eq!(shown(&world, &nginx, Some(other), &[version]), [], "{version} {other}");
        }
        assert!(is_accepted(&world, &nginx, A, &[version]) && is_accepted(&world, &nginx, B, &[version]));
        assert!(!is_accepted(&world, &nginx, "c.example", &[version]), "nobody vouched for this name");
    }
}

/// The arguments of a client that takes only this kind of key, and whether it is RSA. (HAProxy knows RSA by the
/// signature of TLS 1.2.)
const KINDS: [(&[&str], bool); 4] = [
    (&["-tls1_3", "-sigalgs", "ECDSA+SHA256"], false),
    (&["-tls1_3", "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"], true),
    (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], false),
    (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], true),
];

/// The two certificates of one name, each with its vouchers.
fn two_kinds(world: &World) -> (Site, Site) {
    let (ec, rsa) = (world.site("ec", &[A]), world.rsa_site("rsa", &[A]));
    vouch(world, &ec, &[A], &[443]);
    vouch(world, &rsa, &[A], &[443]);
    (ec, rsa)
}

fn assert_each_kind_has_its_own(world: &World, daemon: &Daemon, ec: &Site, rsa: &Site) {
    for (arguments, is_rsa) in KINDS {
        let site = if is_rsa { rsa } else { ec };
        assert_eq!(shown(world, daemon, Some(A), arguments), [stated(A, 443, site)], "{arguments:?}");
        assert!(is_accepted(world, daemon, A, arguments), "{arguments:?}");
    }
}

#[test]
fn nginx_and_apache_show_those_of_the_certificate_in_use() {
    let world = World::new();
    let (ec, rsa) = two_kinds(&world);
    let both = certificate(&ec) + &certificate(&rsa);
    let server = format!("server {{ listen 127.0.0.1:PORT ssl; {both} return 204; }}");
    assert_each_kind_has_its_own(&world, &nginx(&world, "nginx", &server, Some(&config(&world))), &ec, &rsa);

    let files = [&ec, &rsa].map(|site| {
        let (certificate, key) = (site.certificate.display(), site.key.display());
        format!("SSLCertificateFile {certificate}\nSSLCertificateKeyFile {key}\n")
    });
    let host = format!("<VirtualHost *:PORT>\nServerName {A}\nSSLEngine on\n{}</VirtualHost>", files.concat());
    assert_each_kind_has_its_own(&world, &apache(&world, "apache", &host, Some(&config(&world))), &ec, &rsa);
}

/// `site.pem.ecdsa` and `site.pem.rsa` are one certificate to HAProxy; it makes an SSL_CTX of each, or of both.
#[test]
fn haproxy_shows_those_of_the_certificate_in_use() {
    let world = World::new();
    let (ec, rsa) = two_kinds(&world);
    let bundle = Path::new(&world.path("site.pem")).to_owned();
    for (site, kind) in [(&ec, "ecdsa"), (&rsa, "rsa")] {
        fs::rename(certificate_and_key(site), bundle.with_extension(format!("pem.{kind}"))).unwrap();
    }
    let frontend =
        format!("frontend f\n    bind 127.0.0.1:PORT ssl crt {}\n    http-request return status 204", bundle.display());
    assert_each_kind_has_its_own(&world, &haproxy(&world, "haproxy", "", &frontend, Some(&config(&world))), &ec, &rsa);
}

/// A callback takes the place of the certificate (nginx with a variable), of the whole SSL_CTX (nginx's virtual hosts,
/// HAProxy's list): what is shown is always of the certificate that is used in the end.
#[test]
fn a_server_that_chooses_by_name_shows_those_of_the_chosen_certificate() {
    let world = World::new();
    let sites = [A, B].map(|host| world.site(host, &[host]));
    for (site, host) in sites.iter().zip([A, B]) {
        vouch(&world, site, &[host], &[443]);
    }
    let directory = world.directory.path().display();
    let by_variable = format!(
        "server {{ listen 127.0.0.1:PORT ssl; return 204;\n\
         ssl_certificate {directory}/$ssl_server_name.pem; ssl_certificate_key {directory}/$ssl_server_name.key; }}"
    );
    let host = |host, site: &Site| {
        format!("server {{ listen 127.0.0.1:PORT ssl; server_name {host}; {} return 204; }}\n", certificate(site))
    };
    let by_host = host(A, &sites[0]) + &host(B, &sites[1]);
    let lines = sites.each_ref().map(|site| format!("{}\n", certificate_and_key(site).display()));
    fs::write(world.path("list"), lines.concat()).unwrap();
    let by_list = format!(
        "frontend f\n    bind 127.0.0.1:PORT ssl crt-list {directory}/list\n    http-request return status 204"
    );
    let server = config(&world);
    for daemon in [
        nginx(&world, "variable", &by_variable, Some(&server)),
        nginx(&world, "host", &by_host, Some(&server)),
        haproxy(&world, "haproxy", "", &by_list, Some(&server)),
    ] {
        for version in VERSIONS {
            for (name, site) in [A, B].into_iter().zip(&sites) {
                assert_eq!(shown(&world, &daemon, Some(name), &[version]), [stated(name, 443, site)], "{version}");
                assert!(is_accepted(&world, &daemon, name, &[version]), "{version} {name}");
            }
        }
    }
}

/// A server with many names: without SNI every name is shown that fits, and nothing breaks.
#[test]
fn more_than_fits_is_left_out() {
    let world = World::new();
    let hosts: Vec<String> = (10..60).map(|number| format!("{number}.example")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let site = world.site("site", &hosts);
    vouch(&world, &site, &hosts, &[443]);
    let server = format!("server {{ listen 127.0.0.1:PORT ssl; {} return 204; }}", certificate(&site));
    let nginx = nginx(&world, "nginx", &server, Some(&config(&world)));
    for version in VERSIONS {
        let all = shown(&world, &nginx, None, &[version]);
        let names: BTreeSet<&str> = all.iter().map(|(host, _, _)| host.as_str()).collect();
        assert!((20..50).contains(&names.len()) && names.len() == all.len(), "{version}: {names:?}");
        assert_eq!(names.iter().copied().collect::<Vec<_>>(), hosts[..names.len()], "{version}: the last are left out");
        assert!(is_accepted(&world, &nginx, hosts[49], &[version]), "by its name each is shown");
    }
}
