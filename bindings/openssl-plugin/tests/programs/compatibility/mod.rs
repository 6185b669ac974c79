//! The programs that are known to work with the module, and the tests that every one of them has to pass.
//!
//! docs/compatibility.md shows this table. `MECAI_WRITE_DOCS=1 cargo test --package mecai-openssl --test programs
//! the_table_is_the_one_in_docs` writes it.

mod apache;
mod behaviour;
mod curl;
mod document;
mod dovecot;
mod haproxy;
mod lighttpd;
mod mode_off;
mod mosquitto;
mod nginx;
mod node;
mod not_covered;
mod peer;
mod perl;
mod php;
mod postfix;
mod postgres;
mod python;
mod row;
mod ruby;
mod s_client;
mod side_channel;
mod speech;
mod stunnel;

use std::process::{Command, Output};

use self::speech::Speech;

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
    /// Shows the certificate of a site.
    Server {
        /// Starts it with this configuration of OpenSSL.
        start: fn(&World, &Site, &str) -> Daemon,
        /// What is spoken with it.
        speech: Speech,
    },
    /// Verifies servers.
    Client {
        /// What it talks to: a server that speaks this version of TLS alone, with or without vouchers.
        peer: fn(&World, &Site, &str, bool) -> Daemon,
        /// The command that fetches [`peer::PAGE`], or what such a server has, from this port and prints it.
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
    haproxy_as_server: haproxy::SERVER,
    apache_as_server: apache::SERVER,
    lighttpd_as_server: lighttpd::SERVER,
    stunnel_as_server: stunnel::SERVER,
    postfix_as_server: postfix::SERVER,
    dovecot_as_imap_server: dovecot::IMAP,
    dovecot_as_pop3_server: dovecot::POP3,
    postgres_as_server: postgres::SERVER,
    mosquitto_as_server: mosquitto::SERVER,
    nginx_as_proxy: nginx::PROXY,
    haproxy_as_proxy: haproxy::PROXY,
    apache_as_proxy: apache::PROXY,
    stunnel_as_proxy: stunnel::PROXY,
    postfix_as_client: postfix::CLIENT,
    psql_as_client: postgres::CLIENT,
    curl_as_client: curl::CLIENT,
    python_as_client: python::CLIENT,
    node_as_client: node::CLIENT,
    node_with_shared_config: node::SHARED,
    ruby_as_client: ruby::CLIENT,
    php_as_client: php::CLIENT,
    perl_as_client: perl::CLIENT,
    s_client_as_client: s_client::CLIENT,
}
