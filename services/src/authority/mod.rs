//! The Vouching Authority: looks at the network itself and signs what it saw.

pub mod checks;
pub mod clock;
pub mod config;
pub mod database;
pub mod examine;
pub mod http;
pub mod init;
pub mod issue;
pub mod journal;
pub mod key;
pub mod limits;
pub mod list;
pub mod openssl_setup;
pub mod refusal;
pub mod server;
pub mod single_flight;

mod command;

pub use command::{Command, run};
