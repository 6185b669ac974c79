//! The hooks for certbot and lego, with the environment that these set.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agent_support;

use std::fs;
use std::path::Path;
use std::process::Command;

use agent_support::{HOST, Manner, Stand};
use mecai::bundle::Bundle;

/// A site whose certificate is vouched for, in the directory of a certbot lineage.
fn stand(certificate: &str) -> Stand {
    let stand = Stand::new([Manner::Good, Manner::Good]);
    stand.probe(&stand.server());
    fs::create_dir(stand.path("live")).unwrap();
    fs::rename(stand.path("shop.pem"), stand.path(certificate)).unwrap();
    let path = stand.path("agent.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("shop.pem", certificate)).unwrap();
    assert_eq!(stand.run(&["once"]).0, 0);
    stand
}

/// Runs a hook with nothing but these variables: its exit status, what it printed, what it told.
fn hook(stand: &Stand, name: &str, variables: &[(&str, &str)]) -> (i32, String, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_mecai")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/hooks").join(name);
    let directory = stand.directory.path().to_str().unwrap();
    let variables = variables.iter().map(|(name, value)| (*name, value.replace("DIR", directory)));
    let ran = Command::new("sh")
        .arg(script)
        .env_clear()
        .env("PATH", path)
        .env("MECAI_AGENT_CONFIG", stand.path("agent.toml"))
        .envs(variables)
        .output()
        .unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (ran.status.code().unwrap(), text(ran.stdout), text(ran.stderr))
}

fn endorsements(stand: &Stand, certificate: &mecai::Sha256) -> usize {
    let contents = stand.stored("store", certificate).unwrap();
    contents.bundles().iter().map(|bundle| Bundle::from_der(bundle.der()).unwrap().endorsement_count()).sum()
}

const CERTBOT: [(&str, &str); 3] = [
    ("RENEWED_LINEAGE", "DIR/live"),
    ("RENEWED_DOMAINS", "*.shop.example www.shop.example"),
    ("MECAI_DEPLOY", "touch DIR/deployed"),
];
const LEGO: [(&str, &str); 4] = [
    ("LEGO_CERT_DOMAIN", HOST),
    ("LEGO_CERT_PATH", "DIR/live/next.pem"),
    ("LEGO_CERT_KEY_PATH", "DIR/live/next.key"),
    ("MECAI_DEPLOY", "touch DIR/deployed"),
];

#[test]
fn certbot_has_replaced_the_file_already() {
    let stand = stand("live/fullchain.pem");
    let next = stand.issue("live/fullchain", &rcgen::KeyPair::generate().unwrap(), &[HOST]);
    fs::rename(stand.path("live/fullchain.key"), stand.path("live/privkey.pem")).unwrap();
    let (code, out, err) = hook(&stand, "certbot-deploy", &CERTBOT);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.starts_with("ready: 2 of 2 operators vouch for "), "{out}");
    assert_eq!(endorsements(&stand, &next), 2);
    assert!(stand.path("deployed").exists());
}

#[test]
fn a_server_that_reads_a_copy_is_found_by_its_names() {
    let stand = stand("copy.pem");
    let next = stand.issue("live/fullchain", &rcgen::KeyPair::generate().unwrap(), &[HOST]);
    fs::rename(stand.path("live/fullchain.key"), stand.path("live/privkey.pem")).unwrap();
    let deploy = ("MECAI_DEPLOY", "cp DIR/live/fullchain.pem DIR/copy.pem");
    let (code, out, err) = hook(&stand, "certbot-deploy", &[CERTBOT[0], CERTBOT[1], deploy]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(endorsements(&stand, &next), 2);
    assert_eq!(fs::read(stand.path("copy.pem")).unwrap(), fs::read(stand.path("live/fullchain.pem")).unwrap());
}

#[test]
fn lego_names_certificate_and_key() {
    let stand = stand("live/shop.pem");
    let next = stand.issue("live/next", &rcgen::KeyPair::generate().unwrap(), &[HOST]);
    let (code, out, err) = hook(&stand, "lego-renew", &LEGO);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(endorsements(&stand, &next), 2);
    assert!(stand.path("deployed").exists());
}

#[test]
fn what_is_not_vouched_for_is_not_deployed_and_how_to_try_again_is_told() {
    let stand = stand("live/shop.pem");
    let server = std::sync::Arc::new(agent_support::probe::Server::new(
        stand.path("store"),
        &fs::read(stand.path("live/shop.pem")).unwrap(),
    ));
    stand.probe(&server);
    let next = stand.issue("live/next", &rcgen::KeyPair::generate().unwrap(), &[HOST]);
    server.distrust(next);
    let (code, out, err) = hook(&stand, "lego-renew", &[&LEGO[..], &[("MECAI_WITHIN", "8")]].concat());
    assert_eq!((code, out.as_str()), (5, ""), "{err}");
    assert!(err.contains("not vouched for within 8 s") && err.contains("(distrusted)"), "{err}");
    let again = format!("LEGO_CERT_PATH='{}'", stand.path("live/next.pem").display());
    assert!(err.contains("is not deployed; to try again:") && err.contains(&again), "{err}");
    assert!(err.contains(" MECAI_WITHIN='8'") && err.contains(" MECAI_DEPLOY='"), "what matters is said again: {err}");

    let (code, _, err) = hook(&stand, "lego-renew", &[&LEGO[..], &[("MECAI_SITE", "other.example")]].concat());
    assert!(code == 2 && err.contains("no [[site]] has the host other.example"), "{code} {err}");
    assert!(!stand.path("deployed").exists());
}

#[test]
fn without_their_environment_they_do_nothing() {
    let stand = Stand::new([]);
    for (name, variables) in [("certbot-deploy", &CERTBOT[..]), ("lego-renew", &LEGO[..])] {
        for (index, (missing, _)) in variables.iter().enumerate().filter(|(_, (name, _))| *name != "MECAI_DEPLOY") {
            let others = [&variables[..index], &variables[index + 1..]].concat();
            let (code, out, err) = hook(&stand, name, &others);
            assert!(code != 0 && out.is_empty() && err.contains(missing), "{name} {missing}: {code} {out} {err}");
        }
    }
    assert!(!stand.path("deployed").exists());
}
