//! Dovecot, by STARTTLS.

use super::{Program, Role, speech};
use crate::daemons::{dovecot, enable};

const VERSION: &[&str] = &["dovecot", "--version"];
const SWITCH_ON: &str = "[a line](../packaging/enable/dovecot.conf) of `local.conf`";

pub(crate) const IMAP: Program = Program {
    name: "Dovecot, IMAP",
    version: VERSION,
    counted: 2,
    role: Role::Server {
        start: |world, site, config| dovecot(world, "dovecot", "imap", site, &enable::dovecot(config)),
        speech: speech::IMAP,
    },
    switch_on: SWITCH_ON,
};

pub(crate) const POP3: Program = Program {
    name: "Dovecot, POP3",
    version: VERSION,
    counted: 2,
    role: Role::Server {
        start: |world, site, config| dovecot(world, "dovecot", "pop3", site, &enable::dovecot(config)),
        speech: speech::POP3,
    },
    switch_on: SWITCH_ON,
};
