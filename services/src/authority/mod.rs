//! The Vouching Authority: looks at the network itself and signs what it saw.

pub mod checks;
pub mod clock;
pub mod database;
pub mod journal;
pub mod single_flight;
