//! The sites of a drill: virtual hosts of one nginx with the module, and one agent for all of them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::super::directory::write_public;
use super::super::{Error, Leaf, Nginx, OpensslConf, Port, SiteAgent, SiteEntry, SitePlan, World};
use super::{Drill, LIFE_HOURS};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 10, 0, 1));

/// All sites, and what serves them.
#[derive(Debug)]
pub(super) struct Town {
    sites: Vec<Place>,
    port: Port,
    _nginx: Nginx,
    _agent: SiteAgent,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    /// Whose certificate it has.
    pub(super) operator: String,
    /// Whose certificate is its alternate.
    pub(super) alternate: Option<String>,
    /// Whether its operator is the one that is distrusted.
    pub(super) is_fallen: bool,
}

impl Town {
    /// Issues certificates and alternates, and starts nginx and the agent.
    pub(super) fn build(world: &World, module: &Path, told: &Drill) -> Result<Self, Error> {
        let sites = places(world, told)?;
        let directory = world.make_directory(&["agent"])?;
        let mut entries = Vec::new();
        for site in &sites {
            let issued = world.operator(&site.operator)?.issue(&Leaf::new([site.name.as_str()]))?;
            entries.push(world.write_site(&site.name, &issued)?);
            world.dns().set(&site.name, &[ADDRESS]);
        }
        let plans = entries.iter().map(|entry| (entry.clone(), SitePlan::default())).collect();
        let mut agent = SiteAgent::make(world, plans, Some(LIFE_HOURS * told.seconds_per_hour), &directory)?;
        for site in &sites {
            add_alternate(world, &mut agent, site)?;
        }
        // nginx looks into it before the agent has made it.
        world.make_directory(&["agent", "vouchers"])?;
        let conf = OpensslConf::server(module, agent.store()).write(&directory.join("openssl-server.cnf"))?;
        let port = Port::hold_exact(SocketAddr::new(ADDRESS, world.site_port()))?;
        let hosts: String = entries.iter().map(|entry| virtual_host(entry, port.address())).collect();
        let nginx =
            Nginx::start(&world.make_directory(&["nginx"])?, &[port.address()], &hosts, [("OPENSSL_CONF", &conf)])?;
        agent.up()?;
        Ok(Self { sites, port, _nginx: nginx, _agent: agent })
    }

    /// The sites, those of the operator that is distrusted first.
    pub(super) fn sites(&self) -> &[Place] {
        &self.sites
    }

    /// Where all of them are.
    pub(super) fn address(&self) -> SocketAddr {
        self.port.address()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, operator, alternate, .. } = self;
        match alternate {
            Some(alternate) => write!(f, "{name} (of {operator}, with an alternate of {alternate})"),
            None => write!(f, "{name} (of {operator})"),
        }
    }
}

/// Who has what: the other operators take turns.
fn places(world: &World, told: &Drill) -> Result<Vec<Place>, Error> {
    let fallen = world.operator(&told.operator)?.id();
    let others = world.operators().iter().map(|operator| operator.id()).filter(|id| *id != fallen);
    let mut others = others.map(str::to_owned).cycle();
    let place = |index: usize| {
        let is_fallen = index < told.fallen();
        let operator = if is_fallen { Some(fallen.to_owned()) } else { others.next() }.unwrap_or_default();
        let alternate = (index < told.alternates()).then(|| others.next()).flatten();
        Place { name: format!("shop-{:02}.example", index + 1), operator, alternate, is_fallen }
    };
    Ok((0..usize::from(told.sites)).map(place).collect())
}

/// As an administrator does it: a request on the site's key, another operator's answer, a line for the agent.
fn add_alternate(world: &World, agent: &mut SiteAgent, site: &Place) -> Result<(), Error> {
    let Some(operator) = &site.alternate else { return Ok(()) };
    let ran = agent.csr(&site.name)?;
    if !ran.succeeded() {
        let reason = format!("mecai agent csr {}: {}: {}", site.name, ran.exit(), ran.errors.trim());
        return Err(Error::Drill { reason });
    }
    let file = world.make_directory(&["sites", &site.name])?.join("alternate.pem");
    write_public(&file, &world.operator(operator)?.issue_for(&ran.output)?)?;
    agent.set_alternate(&site.name, &file)
}

fn virtual_host(site: &SiteEntry, address: SocketAddr) -> String {
    let SiteEntry { name, chain, key } = site;
    // TLS 1.3 is not among the defaults of nginx before 1.23.4.
    format!(
        r#"server {{
    listen {address} ssl;
    server_name {name};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate "{}";
    ssl_certificate_key "{}";
    location / {{ default_type text/plain; return 200 "Welcome to {name}\n"; }}
}}
"#,
        chain.display(),
        key.display()
    )
}
