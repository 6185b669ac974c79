//! Proxies, which mean the servers behind them.

use super::{Fallen, params};
use crate::daemons::{Daemon, haproxy, nginx};
use crate::world::{HOST, Server, Vouched, said};

/// nginx, which checks names by itself and afterwards, and HAProxy, which does so in its verify callback.
fn proxies(fallen: &Fallen, server: &Server, mode: &str) -> [Daemon; 2] {
    let config = fallen.world.write_config("client", &[("mode", mode)]);
    let (port, roots) = (server.port, fallen.world.path("roots.pem"));
    let verify = format!(
        "proxy_ssl_verify on; proxy_ssl_trusted_certificate {roots}; proxy_ssl_name {HOST}; proxy_ssl_server_name on;"
    );
    let servers =
        format!("server {{ listen 127.0.0.1:PORT; {verify} location / {{ proxy_pass https://127.0.0.1:{port}; }} }}");
    let sections = format!(
        "frontend f\n    bind 127.0.0.1:PORT\n    default_backend b\n\
         backend b\n    retries 0\n    server s 127.0.0.1:{port} ssl verify required ca-file {roots} sni str({HOST})"
    );
    let haproxy = haproxy(&fallen.world, "haproxy", "", &sections, Some(&config));
    [nginx(&fallen.world, "nginx", &servers, Some(&config)), haproxy]
}

/// What a proxy answers to a request in clear.
fn status(daemon: &Daemon) -> String {
    let url = format!("http://127.0.0.1:{}/", daemon.port);
    let mut curl = std::process::Command::new("curl");
    said(
        &curl
            .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &url])
            .env("OPENSSL_CONF", "/dev/null")
            .output()
            .unwrap(),
    )
}

#[test]
fn proxies_use_an_alternate_and_none_for_another_name() {
    let fallen = Fallen::new();
    for (mode, name, answers, word) in [
        ("require", HOST, ["200", "200"], "the alternate is used"),
        ("require", "evil.example", ["502", "503"], "the alternate fails, too"),
        ("observe", "evil.example", ["200", "200"], "the alternate fails, too"),
    ] {
        let alternate = fallen.world.issue("alternate", 1, params(&[name]), &fallen.key);
        let vouched = Vouched { host: name, first: 2, ..Vouched::for_site(&alternate) };
        let server = fallen.showing(&fallen.answer(&alternate, &vouched), &[]);
        let daemons = proxies(&fallen, &server, mode);
        for (daemon, answer) in daemons.iter().zip(answers) {
            assert_eq!(status(daemon).trim(), answer, "{mode} {name}: {}\n{}", daemon.said(), fallen.world.log());
            let log = fallen.world.take_log();
            assert!(log.contains(word), "{mode} {name}: {log}\n{}", daemon.said());
        }
    }
}
