//! lighttpd.

use super::{Program, Role, speech};
use crate::daemons::{enable, lighttpd};

pub(crate) const SERVER: Program = Program {
    name: "lighttpd",
    version: &["lighttpd", "-v"],
    counted: 2,
    role: Role::Server {
        start: |world, site, config| {
            let lines = "setenv.add-response-header = (\"X-Shop\" => \"open\")\n\
                         ssl.openssl.ssl-conf-cmd = (\"MinProtocol\" => \"TLSv1.2\", \"Options\" => \"-SessionTicket\")";
            lighttpd(world, "lighttpd", site, lines, Some(&enable::systemd(config)))
        },
        speech: speech::HTTP,
    },
    switch_on: "[a drop-in](../packaging/enable/systemd.conf) for its unit",
};
