//! A world on loopback: operators with their CAs, revocation servers and authorities, and DNS, all speaking the real
//! protocols. `docs/demo.md` is its guide.
//!
//! [`World`] is what the demo, the end-to-end tests and `mecai lab up` share. Its own servers run in threads, authorities
//! and agents as processes of the program `mecai`; callers need no async runtime, and everything stops when the world is
//! dropped.
//!
//! ```
//! use mecai_services::lab::{Leaf, World};
//!
//! # fn main() -> Result<(), mecai_services::lab::Error> {
//! let world = World::builder().operators(3).start()?;
//! world.dns().set("www.shop.example", &["127.10.0.1".parse().unwrap()]);
//! let site = world.operator("operator-a")?.issue(&Leaf::new(["www.shop.example"]))?;
//! assert!(site.chain_pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! # Ok(())
//! # }
//! ```

mod authority;
mod command;
mod demo;
mod directory;
mod dns;
mod drill;
mod error;
mod interrupt;
mod nginx;
mod openssl_conf;
mod operator;
mod parallel;
mod pki;
mod port;
mod process;
mod program;
mod revocation;
mod server_thread;
mod signed_list;
mod site;
mod site_agent;
mod up;
mod world;
mod world_file;

pub use authority::Authority;
pub use command::{Command, run};
pub use demo::Demo;
pub use dns::{Dns, DnsBehaviour};
pub use drill::Drill;
pub use error::Error;
pub use nginx::Nginx;
pub use openssl_conf::OpensslConf;
pub use operator::Operator;
pub use pki::{Ca, Issued, Leaf, Pointers, Subject, Validity};
pub use port::Port;
pub use process::Process;
pub use program::{Ran, run as run_program};
pub use revocation::{CrlBehaviour, Freshness, OcspBehaviour, RevocationReason, RevocationServer, Status};
pub use signed_list::SignedList;
pub use site::{Site, SiteServer, SiteView};
pub use site_agent::{SiteAgent, SitePlan};
pub use up::Up;
pub use world::{World, WorldBuilder};
pub use world_file::{AuthorityEntry, CaEntry, OperatorEntry, SiteEntry, WorldFile};

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z by the machine's clock; 0 if the clock stands before that.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
