//! An operator's ACME server: pebble, which makes its own root and intermediate at every start.

use std::fs;
use std::process::Command;
use std::time::Duration;

use mecai_services::lab::{Leaf, Port, Process, World, run_program};
use serde_json::json;

/// Certificates live for six days and name neither OCSP nor CRL, so authorities need no evidence about them.
const LIFETIME_SECONDS: u32 = 6 * 24 * 3600;
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running pebble. Its intermediate is the operator's, and everybody in the world trusts it.
pub struct Pebble {
    ports: [Port; 2],
    _process: Process,
}

impl Pebble {
    /// Starts the ACME server of this operator, which looks at sites by http at this port.
    pub fn start(world: &World, operator: &str, http_port: u16) -> Self {
        let directory = world.make_directory(&["acme", operator]).unwrap();
        let issued = world.operator(operator).unwrap().issue(&Leaf::new(["127.0.0.1"])).unwrap();
        let files = world.write_site(&format!("acme-{operator}"), &issued).unwrap();
        let ports = [(); 2].map(|()| Port::hold("127.0.0.1".parse().unwrap()).unwrap());
        let addresses = ports.each_ref().map(Port::address);
        let config = directory.join("pebble.json");
        let text = json!({ "pebble": {
            "listenAddress": addresses[0].to_string(),
            "managementListenAddress": addresses[1].to_string(),
            "certificate": files.chain,
            "privateKey": files.key,
            "httpPort": http_port,
            // Nobody proves anything by TLS here.
            "tlsPort": 0,
            "ocspResponderURL": "",
            "certificateValidityPeriod": LIFETIME_SECONDS,
        } });
        fs::write(&config, text.to_string()).unwrap();

        let mut command = Command::new("pebble");
        command.arg("-config").arg(&config).args(["-dnsserver", &world.dns().address().to_string()]);
        // Otherwise it waits up to 15 seconds before each look at a site, and refuses every twentieth good nonce: certbot
        // gives up at the second in a row.
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0");
        let mut process = Process::start("pebble", command, &directory.join("pebble.log")).unwrap();
        process.wait_for_listeners(&addresses, READY_WITHIN).unwrap();
        let pebble = Self { ports, _process: process };
        world.adopt(operator, &pebble.intermediate(world)).unwrap();
        pebble
    }

    /// The URL of its ACME directory. Its TLS certificate leads to the world's roots.
    pub fn url(&self) -> String {
        format!("https://{}/dir", self.ports[0].address())
    }

    /// What signs its certificates, PEM.
    fn intermediate(&self, world: &World) -> String {
        let mut command = Command::new("curl");
        command.args(["--disable", "--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert"]);
        command.arg(world.roots()).arg(format!("https://{}/intermediates/0", self.ports[1].address()));
        let ran = run_program(command).unwrap();
        assert!(ran.succeeded(), "{ran:?}");
        ran.output
    }
}
