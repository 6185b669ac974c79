//! A site whose certificate an ACME client renews: nginx with the module, and its agent.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mecai_services::lab::{OpensslConf, SiteAgent, SiteEntry, SitePlan, SiteServer, SiteView, World};

use crate::wait::wait_for;

/// A running server, with an agent that collects its vouchers.
pub struct Site {
    pub name: &'static str,
    pub ip: IpAddr,
    agent: SiteAgent,
    server: SiteServer,
    directory: PathBuf,
}

impl Site {
    /// nginx reads chain and key from these files. There are vouchers when this returns.
    pub fn start(world: &World, name: &'static str, ip: IpAddr, files: [&Path; 2], module: &Path) -> Self {
        let directory = world.make_directory(&["sites", name]).unwrap();
        world.make_directory(&["sites", name, "vouchers"]).unwrap();
        let [chain, key] = files.map(Path::to_path_buf);
        let entry = SiteEntry { name: name.to_owned(), chain, key };
        let mut agent = SiteAgent::make(world, vec![(entry.clone(), SitePlan::default())], None, &directory).unwrap();
        let conf = OpensslConf::server(module, agent.store()).with("log", directory.join("module.log").display());
        let view = SiteView {
            page: name,
            openssl_conf: Some(conf.write(&directory.join("openssl-server.cnf")).unwrap()),
            ..SiteView::default()
        };
        let server = SiteServer::start(world, &entry, ip, &directory.join("nginx"), &view).unwrap();
        agent.up().unwrap();
        let log = agent.log().to_owned();
        wait_for(&format!("vouchers for {name}: {}", log.display()), Duration::from_secs(60), || {
            agent.status(&[]).unwrap().succeeded()
        });
        Self { name, ip, agent, server, directory }
    }

    /// The configuration of its agent.
    pub fn agent_config(&self) -> &Path {
        self.agent.config()
    }

    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// A command for a shell that makes nginx read its files again.
    pub fn reload_command(&self) -> String {
        format!("kill -HUP \"$(cat '{}')\"", self.directory.join("nginx/nginx.pid").display())
    }

    /// What nginx complained about, and the module in it.
    pub fn complaints(&self) -> Vec<String> {
        let nginx = fs::read_to_string(self.directory.join("nginx/error.log")).unwrap();
        let bad =
            |line: &&str| ["[warn]", "[error]", "[crit]", "[alert]", "[emerg]"].iter().any(|it| line.contains(it));
        let module = fs::read_to_string(self.directory.join("module.log")).unwrap_or_default();
        nginx.lines().filter(bad).chain(module.lines()).map(str::to_owned).collect()
    }
}
