//! The parts of the `mecai` program, one module each.

pub mod agent;
pub mod authorities;
pub mod authority;
pub mod check;
pub mod config_file;
pub mod exit;
pub mod explain;
pub mod lab;
pub mod run;
pub mod show;

mod openssl_cnf;
mod output;
mod starttls;
mod view;
