//! Dovecot, whose login processes are the user dovenull's and in a chroot.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Certificate, Place};

/// Dovecot that speaks `imap` or `pop3`, with these further lines. What it logs is in `error.log`.
#[must_use]
pub fn dovecot(place: &Place<'_>, protocol: &str, certificate: &Certificate<'_>, lines: &str) -> Command {
    let path = |name| place.path(name).display().to_string();
    let text = format!(
        "protocols = {protocol}\nlisten = {}\nbase_dir = {}\nstate_dir = {}\nlog_path = {}\nssl = yes\n\
         ssl_cert = <{}\nssl_key = <{}\nauth_mechanisms = plain\nmail_location = maildir:~/\n\
         passdb {{\n  driver = static\n  args = password=secret\n}}\n\
         userdb {{\n  driver = static\n  args = uid=nobody gid=nogroup home={}\n}}\n\
         service {protocol}-login {{\n  inet_listener {protocol} {{\n    port = {}\n  }}\n  \
         inet_listener {protocol}s {{\n    port = 0\n  }}\n}}\n{lines}\n",
        place.address,
        path("run"),
        path("state"),
        path("error.log"),
        certificate.chain.display(),
        certificate.key.display(),
        path("home"),
        place.port,
    );
    fs::create_dir_all(place.path("home")).unwrap();
    fs::write(place.path("dovecot.conf"), text).unwrap();
    let mut command = Command::new("dovecot");
    command.args(["-F", "-c"]).arg(place.path("dovecot.conf"));
    command
}

/// The root of the login processes, which Dovecot makes as it starts.
#[must_use]
pub fn root(place: &Place<'_>) -> PathBuf {
    place.path("run/login")
}
