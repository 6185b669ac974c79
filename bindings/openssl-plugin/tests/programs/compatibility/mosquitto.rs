//! Mosquitto.

use super::{Program, Role, speech};
use crate::daemons::{enable, mosquitto};

pub(crate) const SERVER: Program = Program {
    name: "Mosquitto",
    version: &["mosquitto", "-h"],
    counted: 2,
    role: Role::Server {
        start: |world, site, config| mosquitto(world, "mosquitto", site, Some(&enable::systemd(config))),
        speech: speech::MQTT,
    },
    switch_on: "[a drop-in](../packaging/enable/systemd.conf) for its unit",
};
