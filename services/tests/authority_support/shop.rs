//! A site on nginx that shows further certificates from a serverinfo file, and an authority that looks at it.

use std::fmt::Write as _;
use std::process::Command;

use data_encoding::BASE64;
use mecai::chain::{certificate_digest, spki_hash};
use mecai::extension::{write_alternate, write_staged};
use mecai::key_proof::{Claim, StagedKey};
use mecai::signature::SigningKey;
use mecai::store::{Part, serverinfo};
use mecai::time::UnixTime;
use mecai_services::lab::{Issued, Leaf, Port};

use super::{Answer, Ask, Authority, HOST, IP, Site, Stand, hex, ip, now, same_port};

pub const VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

/// The certificate in use is of operator-a, the next one or the second one of operator-b, the authority of operator-c.
pub struct Shop {
    pub stand: Stand,
    pub port: Port,
    pub own: Issued,
    pub authority: Authority,
    pub key: SigningKey,
}

impl Shop {
    pub async fn new() -> Self {
        let stand = Stand::new(3);
        let [port] = same_port([IP]);
        stand.world.dns().set(HOST, &[ip(IP)]);
        let own = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
        let more = "[limits]\nhost_per_minute = 100000\naddress_per_minute = 100000\n[evidence]\nkept = 0";
        let authority = stand.authority(stand.config(2, &[port.address().port()], more)).await;
        let key = stand.key(2);
        Self { stand, port, own, authority, key }
    }

    /// A certificate of operator-b on the key in use.
    pub fn second(&self, leaf: Leaf) -> Issued {
        self.stand.operator(1).issue(&leaf.key(self.own.key_pem())).unwrap()
    }

    /// nginx with the certificate in use and these answers.
    pub fn open(&self, answers: &[(Part, &[u8])], more: &str) -> Site {
        self.open_with(&[&self.own], answers, more)
    }

    /// nginx with several certificates; the answers go with the last of them.
    pub fn open_with(&self, issued: &[&Issued], answers: &[(Part, &[u8])], more: &str) -> Site {
        let mut text = more.to_owned();
        if let Some(info) = serverinfo(answers) {
            let file = self.stand.directory.path().join("serverinfo.pem");
            std::fs::write(&file, info).unwrap();
            write!(text, " ssl_conf_command ServerInfoFile {};", file.display()).unwrap();
        }
        self.stand.site_at(&self.port, issued, &text)
    }

    /// An answer with this as the alternate, as an agent gives it before there are vouchers for it.
    pub fn alternate(issued: &Issued) -> Vec<u8> {
        write_alternate(&chain(issued), &[]).unwrap()
    }

    /// What the authority says about a certificate at this site.
    pub async fn ask(&self, certificate: &[u8]) -> (Ask, Answer) {
        let ask = Ask::new(self.port.address().port(), certificate);
        let answer = self.authority.ask(&ask).await;
        (ask, answer)
    }

    pub async fn endorses(&self, issued: &Issued) {
        let (ask, answer) = self.ask(issued.certificate()).await;
        assert_eq!(answer.endorsed(&ask, &self.key).0, [true]);
    }

    /// That there is this problem, with these words in its sentence.
    pub async fn refuses(&self, certificate: &[u8], code: &str, words: &[&str]) {
        let (found, detail) = self.ask(certificate).await.1.problem();
        assert_eq!(found, code, "{detail}");
        for word in words {
            assert!(detail.contains(word), "{code}: {word:?} is not in {detail:?}");
        }
    }

    /// A claim that holds for this site and a staged certificate.
    pub fn claim(&self, staged: &Issued) -> Claim<'static> {
        Claim {
            host: HOST,
            port: self.port.address().port(),
            handshake_key: spki_hash(self.own.certificate()).unwrap(),
            certificate: certificate_digest(staged.certificate()),
            not_before: UnixTime(now() - 60),
            not_after: UnixTime(now() + 3_600),
        }
    }
}

/// A fresh key by `openssl genpkey`.
pub fn private_key(algorithm: &[&str]) -> String {
    let output = Command::new("openssl").arg("genpkey").args(algorithm).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// A key proof by the key of `signer`.
pub fn prove(signer: &Issued, claim: &Claim<'_>) -> Vec<u8> {
    let pem: String = signer.key_pem().lines().filter(|line| !line.starts_with("-----")).collect();
    let pkcs8 = BASE64.decode(pem.as_bytes()).unwrap();
    StagedKey::from_pkcs8(&pkcs8).unwrap().prove(claim).unwrap()
}

/// An answer with staged certificates and their key proofs.
pub fn staged(entries: &[(&Issued, &[u8])]) -> Vec<u8> {
    let chains: Vec<_> = entries.iter().map(|(issued, proof)| (chain(issued), *proof)).collect();
    let entries: Vec<_> = chains.iter().map(|(chain, proof)| (chain.as_slice(), *proof)).collect();
    write_staged(&entries).unwrap()
}

pub fn chain(issued: &Issued) -> Vec<&[u8]> {
    issued.chain().iter().map(Vec::as_slice).collect()
}

/// The SHA-256 of a certificate, as sentences have it.
pub fn hash(issued: &Issued) -> String {
    hex(&certificate_digest(issued.certificate()))
}

/// The SPKI hash of a certificate, as sentences have it.
pub fn key(issued: &Issued) -> String {
    hex(&spki_hash(issued.certificate()).unwrap())
}
