//! Postfix, by STARTTLS: its server, and its client on the way to one.

use std::fs;
use std::process::Command;

use mecai_daemons::postfix::with_tls;

use super::{Program, Role, peer, speech};
use crate::daemons::{Daemon, enable, free_port, postfix, postfix_directory, shown};
use crate::world::{HOST, Site, World, said};

const VERSION: &[&str] = &["postconf", "-dh", "mail_version"];

pub(crate) const SERVER: Program = Program {
    name: "Postfix",
    version: VERSION,
    counted: 2,
    role: Role::Server {
        start: |world, site, config| server(world, "postfix", site, "", config),
        speech: speech::SMTP,
    },
    switch_on: "[a line](../packaging/enable/postfix.cf) of `main.cf`",
};

pub(crate) const CLIENT: Program = Program {
    name: "Postfix",
    version: VERSION,
    counted: 2,
    role: Role::Client {
        peer: |world, site, tls, is_vouched| {
            let lines = format!("smtpd_tls_mandatory_protocols = TLSv{tls}\nsmtpd_tls_protocols = TLSv{tls}");
            let config = peer::config(world, site, is_vouched);
            server(world, &format!("peer-{tls}-{is_vouched}"), site, &lines, &config)
        },
        fetch: deliver,
        refused: |output| {
            said(output).contains("dsn=4.7.5") && said(output).contains("Server certificate not verified")
        },
    },
    switch_on: "as for the server; `smtp_tls_security_level = secure`",
};

/// What it takes for its own is thrown away.
fn server(world: &World, name: &str, site: &Site, lines: &str, config: &str) -> Daemon {
    let tls = with_tls(&shown(site));
    let takes = "relay_domains = shop.example\ndefault_transport = discard:\nrelay_transport = discard:";
    postfix(world, name, &format!("{tls}{takes}\n{lines}\n{}", enable::postfix(config)))
}

/// Has a Postfix of its own deliver one mail, and prints what it says of that.
fn deliver(world: &World, port: u16) -> Command {
    const SCRIPT: &str = "
sed \"s|@FILE@|$OPENSSL_CONF|\" enable.cf >>etc/main.cf
postfix -c $PWD/etc start >started 2>&1
printf 'Subject: open?\\n\\nhello\\n' | sendmail -C $PWD/etc -f somebody@client.example info@shop.example
tries=0
until grep -q status= error.log || [ $((tries += 1)) -gt 1000 ]; do sleep 0.02; done
postfix -c $PWD/etc stop >started 2>&1
grep -o 'dsn=.*' error.log | sed 's/ queued as .*//; s/^dsn=2.*status=sent/200 sent/'
grep -q status=sent error.log";
    let lines = format!(
        "relayhost = [127.0.0.1]:{port}\nsmtp_tls_security_level = secure\nsmtp_tls_CAfile = {}\n\
         smtp_tls_secure_cert_match = {HOST}\nsmtp_tls_loglevel = 1\ndefault_database_type = texthash\n",
        world.path("root.pem"),
    );
    let _ = fs::remove_dir_all(world.path("client"));
    let directory = postfix_directory(world, "client", &lines, free_port());
    fs::write(directory.join("enable.cf"), enable::POSTFIX).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT]).current_dir(directory);
    command
}
