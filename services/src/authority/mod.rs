//! The Vouching Authority: looks at the network itself and signs what it saw.

pub mod checks;
pub mod clock;
pub mod config;
pub mod database;
pub mod init;
pub mod journal;
pub mod key;
pub mod limits;
pub mod list;
pub mod single_flight;
