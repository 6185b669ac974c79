//! OCSP responses and CRLs made by the program `openssl`: what counts as evidence, and what is refused for a reason.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::path::{Path, PathBuf};
use std::process::Command;

use authority_support::{HOST, Stand, now};
use mecai_services::authority::checks::crl::{Crl, CrlFailure, Subject};
use mecai_services::authority::checks::evidence::Status;
use mecai_services::authority::checks::ocsp::{self, OcspFailure};
use mecai_services::lab::{Ca, Issued, Leaf};
use openssl::x509::X509;

const POINT: &str = "http://ca.example/1.crl";

/// A CA's files as `openssl ca` and `openssl ocsp` want them.
struct Office {
    stand: Stand,
    issued: Issued,
    directory: PathBuf,
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Office {
    fn new() -> Self {
        let stand = Stand::new(2);
        let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
        let directory = stand.directory.path().join("office");
        std::fs::create_dir(&directory).unwrap();
        let office = Self { stand, issued, directory };
        office.write_ca("ca", office.ca());
        office.write_index("V");
        office
    }

    fn ca(&self) -> &Ca {
        self.stand.operator(0).intermediate()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write_ca(&self, name: &str, ca: &Ca) {
        std::fs::write(self.file(&format!("{name}.pem")), ca.certificate_pem()).unwrap();
        std::fs::write(self.file(&format!("{name}.key")), ca.key_pem()).unwrap();
    }

    /// The CA's books: the end entity is `V` valid or `R` revoked.
    fn write_index(&self, state: &str) {
        let serial = data_encoding::HEXUPPER.encode(self.issued.serial());
        let revoked = if state == "R" { "260101000000Z,keyCompromise" } else { "" };
        let line = format!("{state}\t491231235959Z\t{revoked}\t{serial}\tunknown\t/CN={HOST}\n");
        std::fs::write(self.file("index.txt"), line).unwrap();
    }

    /// A CRL with these lines in its extension section.
    fn crl(&self, extensions: &str, more: &[&str]) -> Vec<u8> {
        let config = format!(
            "[ca]\ndefault_ca = office\n[office]\ndatabase = {index}\ncrlnumber = {number}\ndefault_md = sha256\n\
             default_crl_days = 1\n[crl_extensions]\nauthorityKeyIdentifier = keyid:always\n{extensions}\n",
            index = self.file("index.txt").display(),
            number = self.file("number").display(),
        );
        std::fs::write(self.file("ca.cnf"), config).unwrap();
        std::fs::write(self.file("number"), "01\n").unwrap();
        let (pem, der) = (self.file("crl.pem"), self.file("crl.der"));
        let mut command = Command::new("openssl");
        command.args(["ca", "-gencrl", "-crlexts", "crl_extensions"]).arg("-config").arg(self.file("ca.cnf"));
        command.arg("-cert").arg(self.file("ca.pem")).arg("-keyfile").arg(self.file("ca.key"));
        run(command.arg("-out").arg(&pem).args(more));
        run(Command::new("openssl").args(["crl", "-outform", "DER", "-in"]).arg(&pem).arg("-out").arg(&der));
        std::fs::read(der).unwrap()
    }

    /// An OCSP response signed by `signer`, in force for a day.
    fn ocsp(&self, signer: &str, more: &[&str]) -> Vec<u8> {
        self.ocsp_in_force(signer, &["-ndays", "1"], more)
    }

    fn ocsp_in_force(&self, signer: &str, in_force: &[&str], more: &[&str]) -> Vec<u8> {
        let (request, response) = (self.file("request.der"), self.file("response.der"));
        let certificate = X509::from_der(self.issued.certificate()).unwrap();
        std::fs::write(&request, ocsp::request(&certificate, &self.issuer()).unwrap()).unwrap();
        let mut command = Command::new("openssl");
        command.arg("ocsp").arg("-index").arg(self.file("index.txt")).arg("-CA").arg(self.file("ca.pem"));
        command.arg("-rsigner").arg(self.file(&format!("{signer}.pem")));
        command.arg("-rkey").arg(self.file(&format!("{signer}.key"))).arg("-reqin").arg(&request);
        run(command.arg("-respout").arg(&response).args(in_force).args(more));
        std::fs::read(response).unwrap()
    }

    /// A certificate by `ca`, made by `openssl x509`, with these extensions.
    fn certificate(&self, name: &str, ca: &str, extensions: &str, more: &[&str]) {
        let (request, key) = (self.file("request.pem"), self.file(&format!("{name}.key")));
        let mut command = Command::new("openssl");
        command.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]);
        run(command.args(["-subj", &format!("/CN={name}"), "-out"]).arg(&request).arg("-keyout").arg(&key));
        let file = self.file("extensions.cnf");
        std::fs::write(&file, extensions).unwrap();
        let mut command = Command::new("openssl");
        command.args(["x509", "-req", "-days", "1"]).arg("-in").arg(&request).arg("-extfile").arg(&file);
        command.arg("-CA").arg(self.file(&format!("{ca}.pem"))).arg("-CAkey").arg(self.file(&format!("{ca}.key")));
        run(command.arg("-out").arg(self.file(&format!("{name}.pem"))).args(more));
    }

    fn issuer(&self) -> X509 {
        X509::from_der(self.ca().certificate()).unwrap()
    }

    fn judge_crl(&self, der: &[u8], is_ca: bool) -> Result<Status, CrlFailure> {
        let subject = Subject { serial: self.issued.serial(), is_ca, points: &[POINT.to_owned()] };
        Crl::read(der, &self.issuer())?.status(&subject, now())
    }

    fn judge_ocsp(&self, der: &[u8]) -> Result<Status, OcspFailure> {
        let certificate = X509::from_der(self.issued.certificate()).unwrap();
        ocsp::read(der, &certificate, &self.issuer(), now())
    }
}

fn is_good<E>(result: &Result<Status, E>) -> bool {
    matches!(result, Ok(Status::Good(_)))
}

#[test]
fn a_crl_covers_what_its_distribution_point_says() {
    let office = Office::new();
    let point = |lines: &str| format!("issuingDistributionPoint = critical,@point\n[point]\n{lines}");
    let cases = [
        (String::new(), true, true),
        (point(&format!("fullname = URI:{POINT}")), true, true),
        (point(&format!("fullname = URI:http://ca.example/other.crl, URI:{POINT}")), true, true),
        (point("fullname = URI:http://ca.example/2.crl"), false, false),
        (point("onlyuser = TRUE"), true, false),
        (point("onlyCA = TRUE"), false, true),
        (point("onlyAA = TRUE"), false, false),
        (point("indirectCRL = TRUE"), false, false),
        (point("onlysomereasons = keyCompromise, CACompromise"), false, false),
        ("2.5.29.27 = critical,ASN1:INTEGER:1".to_owned(), false, false),
        ("1.2.3.4 = critical,ASN1:NULL".to_owned(), false, false),
        ("1.2.3.4 = ASN1:NULL".to_owned(), true, true),
        ("2.5.29.28 = critical,ASN1:NULL".to_owned(), false, false),
    ];
    for (extensions, end_entity, ca) in cases {
        let der = office.crl(&extensions, &[]);
        for (is_ca, good) in [(false, end_entity), (true, ca)] {
            let result = office.judge_crl(&der, is_ca);
            assert_eq!(is_good(&result), good, "{extensions} is_ca {is_ca}: {result:?}");
        }
    }
}

#[test]
fn a_crl_says_who_is_revoked_and_why() {
    let office = Office::new();
    office.write_index("R");
    let Ok(Status::Revoked(revoked)) = office.judge_crl(&office.crl("", &[]), false) else { panic!("not revoked") };
    assert_eq!((revoked.at, revoked.reason), (Some(1_767_225_600), Some("keyCompromise")));
}

#[test]
fn a_crl_is_refused_for_its_signature_or_its_time() {
    let office = Office::new();
    let weak = office.judge_crl(&office.crl("", &["-md", "sha1"]), false).unwrap_err();
    assert!(matches!(weak, CrlFailure::WeakSignature(_)), "{weak}");
    let past = office.crl("", &["-crl_lastupdate", "20250101000000Z", "-crl_nextupdate", "20250102000000Z"]);
    assert!(matches!(office.judge_crl(&past, false), Err(CrlFailure::Time(_))));
    let future = office.crl("", &["-crl_lastupdate", "20480101000000Z", "-crl_nextupdate", "20480102000000Z"]);
    assert!(matches!(office.judge_crl(&future, false), Err(CrlFailure::Time(_))));

    let good = office.crl("", &[]);
    for place in [good.len() - 1, good.len() / 2, 40] {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert!(office.judge_crl(&changed, false).is_err(), "{place}");
    }
    for end in 0..good.len() {
        assert!(office.judge_crl(&good[..end], false).is_err(), "{end}");
    }
    let other = X509::from_der(office.stand.operator(1).intermediate().certificate()).unwrap();
    assert!(matches!(Crl::read(&good, &other), Err(CrlFailure::OtherIssuer)));

    // The root's CRL, whose key may not sign CRLs, is not read at all.
    office.certificate("nocrl", "ca", "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign\n", &[]);
    let no_crl = X509::from_pem(&std::fs::read(office.file("nocrl.pem")).unwrap()).unwrap();
    assert!(matches!(Crl::read(&good, &no_crl), Err(CrlFailure::KeyUsage)));
}

#[test]
fn an_ocsp_response_is_signed_by_the_issuer_or_its_responder() {
    let office = Office::new();
    assert!(is_good(&office.judge_ocsp(&office.ocsp("ca", &[]))));
    assert!(is_good(&office.judge_ocsp(&office.ocsp("ca", &["-resp_key_id"]))));
    // Without the signer's certificate inside: the issuer is known anyway.
    assert!(is_good(&office.judge_ocsp(&office.ocsp("ca", &["-resp_no_certs"]))));

    office.write_ca("foreign-ca", office.stand.operator(1).intermediate());
    let responder = "extendedKeyUsage = OCSPSigning\nkeyUsage = digitalSignature\n";
    office.certificate("responder", "ca", responder, &[]);
    assert!(is_good(&office.judge_ocsp(&office.ocsp("responder", &[]))));

    office.certificate("foreign", "foreign-ca", responder, &[]);
    office.certificate("server", "ca", "extendedKeyUsage = serverAuth\n", &[]);
    office.certificate("plain", "ca", "keyUsage = digitalSignature\n", &[]);
    office.certificate("expired", "ca", responder, &["-days", "-1"]);
    office.certificate("below", "server", responder, &[]);
    for signer in ["foreign", "foreign-ca", "server", "plain", "expired", "below"] {
        let result = office.judge_ocsp(&office.ocsp(signer, &[]));
        assert!(matches!(result, Err(OcspFailure::Signature(_))), "{signer}: {result:?}");
    }
    let weak = office.judge_ocsp(&office.ocsp("ca", &["-rmd", "sha1"]));
    assert!(matches!(weak, Err(OcspFailure::WeakSignature(_))), "{weak:?}");
}

#[test]
fn an_ocsp_response_speaks_of_one_certificate_at_one_time() {
    let office = Office::new();
    let good = office.ocsp("ca", &[]);
    let issuer = office.issuer();
    let other = office.stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let other = X509::from_der(other.certificate()).unwrap();
    assert_eq!(ocsp::read(&good, &other, &issuer, now()), Err(OcspFailure::OtherCertificate));

    let certificate = X509::from_der(office.issued.certificate()).unwrap();
    for (at, good_then) in [(now() - 50, true), (now() + 86_300, true), (now() + 86_500, false)] {
        let result = ocsp::read(&good, &certificate, &issuer, at);
        assert_eq!(is_good(&result), good_then, "{at}: {result:?}");
    }
    // Without nextUpdate it counts for an hour.
    let open = office.ocsp_in_force("ca", &[], &[]);
    assert!(is_good(&ocsp::read(&open, &certificate, &issuer, now() + 3_500)));
    assert!(matches!(ocsp::read(&open, &certificate, &issuer, now() + 3_700), Err(OcspFailure::Time(_))));

    office.write_index("R");
    let Ok(Status::Revoked(revoked)) = office.judge_ocsp(&office.ocsp("ca", &[])) else { panic!("not revoked") };
    assert_eq!((revoked.at, revoked.reason), (Some(1_767_225_600), Some("keyCompromise")));
    std::fs::write(office.file("index.txt"), "").unwrap();
    assert_eq!(office.judge_ocsp(&office.ocsp("ca", &[])), Err(OcspFailure::Unknown));
}

#[test]
fn damaged_ocsp_responses_are_refused() {
    let office = Office::new();
    let good = office.ocsp("ca", &[]);
    for end in 0..good.len() {
        assert!(office.judge_ocsp(&good[..end]).is_err(), "{end}");
    }
    for place in 0..good.len() {
        let mut changed = good.clone();
        changed[place] ^= 1;
        // What the responder sends beside what it signed (its certificate) may be damaged without harm.
        if let Ok(status) = office.judge_ocsp(&changed) {
            assert_eq!(Ok(status), office.judge_ocsp(&good), "{place}");
        }
    }
}

/// The tests above rest on `openssl` finding the CA's files good.
#[test]
fn openssl_itself_verifies_what_it_made() {
    let office = Office::new();
    let der = office.file("crl.der");
    office.crl("", &[]);
    let verify = |file: &Path| {
        Command::new("openssl")
            .args(["crl", "-inform", "DER", "-noout", "-CAfile"])
            .arg(office.file("ca.pem"))
            .arg("-in")
            .arg(file)
            .output()
            .unwrap()
    };
    assert!(String::from_utf8_lossy(&verify(&der).stderr).contains("verify OK"));
}
