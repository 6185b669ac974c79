//! The programs that are known to work with the module, and the tests that every one of them has to pass.
//!
//! docs/compatibility.md shows this table. `MECAI_WRITE_DOCS=1 cargo test --package mecai-openssl --test programs
//! the_table_is_the_one_in_docs` writes it.

mod apache;
mod behaviour;
mod curl;
mod document;
mod haproxy;
mod mode_off;
mod nginx;
mod node;
mod peer;
mod python;
mod row;
mod s_client;
mod side_channel;

use std::process::{Command, Output};

use crate::daemons::Daemon;
use crate::world::{Site, World};

/// A program in one role: a row of the table.
pub(crate) struct Program {
    name: &'static str,
    /// The command that prints its version.
    version: &'static [&'static str],
    /// How many of the version's numbers have to be those of the document: Debian's security updates change the others.
    counted: usize,
    role: Role,
    /// How an administrator gets the module into it.
    switch_on: &'static str,
}

enum Role {
    /// Shows the certificate of a site, and serves [`peer::PAGE`].
    Server(fn(&World, &Site, &str) -> Daemon),
    /// Verifies servers.
    Client {
        /// The command that fetches [`peer::PAGE`] from this port and prints it.
        fetch: fn(&World, u16) -> Command,
        /// Whether it reports a server that it does not trust, in its own way.
        refused: fn(&Output) -> bool,
    },
    /// Verifies the server behind it.
    Proxy {
        /// Starts it, towards this port.
        start: fn(&World, u16, &str) -> Daemon,
        /// The status that it answers where it does not trust the server behind it.
        refused: &'static str,
        /// What its own log then says.
        reason: &'static str,
    },
}

/// The versions of TLS that are tried.
const TLS: [&str; 2] = ["1.2", "1.3"];

/// Makes the table, and for each row of it the tests.
macro_rules! table {
    ($($name:ident: $program:expr,)*) => {
        const TABLE: &[&Program] = &[$(&$program),*];
        $(mod $name {
            use super::*;

            #[test]
            fn takes_part_in_both_versions_of_tls() {
                row::earn(&$program);
            }

            #[test]
            fn with_mode_off_behaves_as_without_the_module() {
                mode_off::compare(&$program);
            }
        })*
    };
}

table! {
    nginx_as_server: nginx::SERVER,
    nginx_as_proxy: nginx::PROXY,
    haproxy_as_server: haproxy::SERVER,
    haproxy_as_proxy: haproxy::PROXY,
    apache_as_server: apache::SERVER,
    apache_as_proxy: apache::PROXY,
    curl_as_client: curl::CLIENT,
    python_as_client: python::CLIENT,
    node_as_client: node::CLIENT,
    s_client_as_client: s_client::CLIENT,
}
