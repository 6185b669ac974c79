//! A chain that OpenSSL takes and the module cannot read: OpenSSL's limit is a hundred certificates, the core's 32.

use std::fs;

use mecai::chain::CHAIN_MAX;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::world::{HOST, Site, World, said};

/// A site below so many CAs: its certificate, theirs in `chain.pem`, and the root in `root.pem`.
fn site_below(world: &World, authorities: usize) -> Site {
    let key = || KeyPair::generate().unwrap();
    let authority = |number: usize| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("CA {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let root_key = key();
    fs::write(world.path("root.pem"), authority(0).self_signed(&root_key).unwrap().pem()).unwrap();
    let (mut issuer, mut chain) = (Issuer::new(authority(0), root_key), String::new());
    for number in 1..authorities {
        let (params, key) = (authority(number), key());
        chain.insert_str(0, &params.signed_by(&key, &issuer).unwrap().pem());
        issuer = Issuer::new(params, key);
    }
    let key = key();
    let certificate = CertificateParams::new([HOST.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let files = [("chain.pem", chain), ("site.pem", certificate.pem()), ("site.key", key.serialize_pem())];
    let [_, certificate_file, key_file] = files.map(|(name, text)| {
        fs::write(world.path(name), text).unwrap();
        world.path(name).into()
    });
    Site { certificate: certificate_file, key: key_file, der: certificate.der().to_vec() }
}

#[test]
fn a_chain_that_cannot_be_read_is_refused_only_where_vouchers_are_demanded() {
    let world = World::new();
    let site = site_below(&world, CHAIN_MAX);
    let server = world.server(&site, &["-www", "-cert_chain", &world.path("chain.pem")]);
    for (key, value, status, outcome) in [
        ("mode", "require", 60, "refused www.shop.example: root_not_listed: the chain cannot be read"),
        ("mode", "observe", 0, "unvouched www.shop.example: root_not_listed: the chain cannot be read"),
        ("exempt", HOST, 0, "exempt www.shop.example: exempt_name: "),
    ] {
        let curl = world.curl(&world.write_config("client", &[(key, value)]), &server, &[]);
        let log = world.take_log();
        assert_eq!(curl.status.code(), Some(status), "{key} = {value}: {} {log}", said(&curl));
        assert!(log.contains(outcome), "{log}");
    }
}
