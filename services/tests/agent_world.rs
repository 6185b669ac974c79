//! The agent with real authorities, which look at a real nginx that serves what the agent wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use authority_support::{HOST, IP, Stand, hex, ip, now, until};
use mecai::bundle::Bundle;
use mecai::extension::VOUCHERS;
use mecai::time::UnixTime;
use mecai_services::agent::{SiteStatus, Status};
use mecai_services::lab::{Leaf, Port};
use openssl::ssl::{ExtensionContext, SslConnector, SslMethod, SslRef, SslVerifyMode, SslVersion};
use openssl::x509::X509Ref;

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn site(directory: &Path) -> Option<SiteStatus> {
    Status::read(&directory.join("state")).unwrap().map(|mut status| status.sites.remove(0))
}

/// What a handshake answers to 0xFF4D, none for nothing. The chain is another test's business.
fn serverinfo(address: SocketAddr, version: SslVersion) -> Option<Vec<u8>> {
    let answer: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let kept = Arc::clone(&answer);
    let mut client = SslConnector::builder(SslMethod::tls()).unwrap();
    client.set_verify(SslVerifyMode::NONE);
    client.set_min_proto_version(Some(version)).unwrap();
    client.set_max_proto_version(Some(version)).unwrap();
    let context =
        ExtensionContext::CLIENT_HELLO | ExtensionContext::TLS1_2_SERVER_HELLO | ExtensionContext::TLS1_3_CERTIFICATE;
    let request = |_: &mut SslRef, _: ExtensionContext, _: Option<(usize, &X509Ref)>| Ok(Some(b""));
    let keep = move |_: &mut SslRef, _: ExtensionContext, octets: &[u8], _: Option<(usize, &X509Ref)>| {
        *kept.lock().unwrap() = Some(octets.to_vec());
        Ok(())
    };
    client.add_custom_ext(VOUCHERS, context, request, keep).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    drop(client.build().connect(HOST, stream).unwrap());
    answer.lock().unwrap().take()
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_serves_what_all_but_its_own_operator_vouch_for() {
    let stand = Stand::new(4);
    let directory = stand.directory.path().join("agent");
    fs::create_dir(&directory).unwrap();
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let port = Port::hold(ip(IP)).unwrap();
    stand.world.dns().set(HOST, &[ip(IP)]);
    let mut authorities = Vec::new();
    let mut entries = stand.entries();
    for (index, entry) in entries.iter_mut().enumerate() {
        let authority = stand.authority(stand.config(index, &[port.address().port()], "")).await;
        entry.authorities[0].url = format!("http://{}/", authority.address);
        authorities.push(authority);
    }
    stand.write_list(2, entries);

    let files = stand.world.write_site("agent", &issued).unwrap();
    let serverinfo_file = directory.join("shop.serverinfo");
    let pid_file = directory.join("nginx.pid");
    let text = format!(
        "authorities = '{}'\nauthorities_keys = '{}'\nstore = 'vouchers'\nresolvers = ['{}']\n\
         [[site]]\nhosts = ['{HOST}']\nports = [{}]\ncertificate = '{}'\n\
         serverinfo = 'shop.serverinfo'\nreload = 'kill -HUP $(cat {})'\n",
        stand.list().display(),
        stand.signer.pk.to_base64(),
        stand.world.dns().address(),
        port.address().port(),
        files.chain.display(),
        pid_file.display(),
    );
    fs::write(directory.join("agent.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mecai"));
    let agent = Agent(command.args(["agent", "run", "--config"]).arg(directory.join("agent.toml")).spawn().unwrap());

    // nginx does not start without the file; the agent has nothing to put there before nginx runs.
    until("a serverinfo file without vouchers", || serverinfo_file.exists()).await;
    until("the round fails", || site(&directory).is_some_and(|site| site.failing == 4)).await;
    let codes = |site: &SiteStatus| -> Vec<String> {
        site.authorities.iter().map(|it| it.failing.as_ref().map_or("ok".to_owned(), |it| it.code.clone())).collect()
    };
    assert_eq!(codes(&site(&directory).unwrap()), ["connection_failed"; 4]);
    let nginx = stand.site_at(
        &port,
        &[&issued],
        &format!("ssl_protocols TLSv1.2 TLSv1.3; ssl_conf_command ServerInfoFile {};", serverinfo_file.display()),
    );
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        assert_eq!(serverinfo(nginx.address, version), None);
    }
    fs::write(&pid_file, nginx.nginx.id().to_string()).unwrap();

    // SAFETY: kill has no memory effects; the child is ours and not yet waited for.
    assert_eq!(unsafe { libc::kill(i32::try_from(agent.0.id()).unwrap(), libc::SIGHUP) }, 0);
    until("all others vouch", || site(&directory).is_some_and(|site| (site.vouching, site.operators) == (3, 3))).await;
    assert_eq!(codes(&site(&directory).unwrap()), ["own_operator", "ok", "ok", "ok"]);
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        until("nginx serves them", || serverinfo(nginx.address, version).is_some()).await;
        let answer = serverinfo(nginx.address, version).unwrap();
        let bundles: Vec<&[u8]> = mecai::extension::read_bundles(&answer).unwrap().collect();
        assert_eq!(bundles.len(), 1);
        let bundle = Bundle::from_der(bundles[0]).unwrap();
        assert_eq!((bundle.statement().host(), bundle.endorsement_count()), (HOST, 3));
        let digest = bundle.statement().digest();
        for (endorsement, operator) in bundle.endorsements().map(|endorsement| (endorsement, 1..4)) {
            let mut keys = operator.map(|operator| stand.key(operator));
            assert!(keys.any(|key| endorsement.is_signed_by(key.public_key(), &digest)));
        }
        assert!(bundle.statement().not_after() > UnixTime(now() + 80_000));
    }
    let digest = mecai::chain::certificate_digest(issued.certificate());
    assert!(directory.join("vouchers").join(format!("{}.vouchers", hex(&digest))).exists());
    for authority in authorities {
        authority.stop().await;
    }
}
