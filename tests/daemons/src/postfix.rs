//! Postfix, whose server and client are the user postfix's and in a chroot.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;

use super::{Certificate, Place, ids, run};

/// Where Debian has what Postfix starts.
const DAEMONS: &str = "/usr/lib/postfix/sbin";

/// Makes all that a Postfix has, its settings in `etc`, with these further lines in main.cf. What it logs is in `error.log`.
pub fn prepare(place: &Place<'_>, lines: &str) {
    let path = |name| place.path(name).display().to_string();
    for part in ["etc", "queue", "data"] {
        fs::create_dir_all(place.path(part)).unwrap();
    }
    chown(place.path("data"), Some(ids("postfix").0), None).unwrap();
    let main = format!(
        "compatibility_level = 3.6\nmail_owner = postfix\nsetgid_group = postdrop\nqueue_directory = {}\n\
         data_directory = {}\ndaemon_directory = {DAEMONS}\ncommand_directory = /usr/sbin\nmaillog_file = {}\n\
         maillog_file_prefixes = {}\nmyhostname = mail.shop.example\nmydestination =\nmynetworks = 127.0.0.0/8\n\
         inet_interfaces = loopback-only\ninet_protocols = ipv4\nsmtpd_banner = $myhostname ESMTP\nalias_maps =\n\
         alias_database =\nlocal_recipient_maps =\nbiff = no\nenable_long_queue_ids = yes\n{lines}\n",
        path("queue"),
        path("data"),
        path("error.log"),
        place.directory.display(),
    );
    let master = format!(
        "{}:{} inet n - y - - smtpd\npickup unix n - y 1 1 pickup\ncleanup unix n - y - 0 cleanup\n\
         qmgr unix n - n 1000 1 qmgr\ntlsmgr unix - - y 1000? 1 tlsmgr\nrewrite unix - - y - - trivial-rewrite\n\
         bounce unix - - y - 0 bounce\ndefer unix - - y - 0 bounce\nsmtp unix - - y - - smtp\n\
         error unix - - y - - error\nretry unix - - y - - error\ndiscard unix - - y - - discard\n\
         anvil unix - - y - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n",
        place.address, place.port
    );
    fs::write(place.path("etc/main.cf"), main).unwrap();
    fs::write(place.path("etc/master.cf"), master).unwrap();
    // Makes what is missing in the queue.
    let mut check = Command::new("postfix");
    check.arg("-c").arg(place.path("etc")).arg("check");
    run(check);
}

/// A Postfix that has been prepared.
#[must_use]
pub fn prepared(place: &Place<'_>) -> Command {
    let mut command = Command::new(format!("{DAEMONS}/master"));
    command.arg("-c").arg(place.path("etc")).arg("-d");
    command
}

/// The lines of main.cf with which it offers STARTTLS.
#[must_use]
pub fn with_tls(certificate: &Certificate<'_>) -> String {
    format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n",
        certificate.chain.display(),
        certificate.key.display(),
    )
}

/// The root of server and client.
#[must_use]
pub fn root(place: &Place<'_>) -> PathBuf {
    place.path("queue")
}
