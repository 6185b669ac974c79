//! Stock servers of Debian that want more than a file of settings, prepared in a directory of their own: what they listen on,
//! their users and chroots are as Debian has them. Each function gives the command that runs one in the foreground.
//!
//! For tests, which run as root: whatever is wrong panics.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub mod dovecot;
pub mod postfix;
pub mod postgres;

/// Where a server is, and what it shows.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its own directory, which exists, and which every user may enter.
    pub directory: &'a Path,
    /// The address and the port that it listens on.
    pub address: &'a str,
    /// See above.
    pub port: u16,
}

/// A certificate chain and its key, PEM.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// The chain, end entity first.
    pub chain: &'a Path,
    /// The private key.
    pub key: &'a Path,
}

impl Place<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The numbers of a user and its group.
fn ids(user: &str) -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.split(':').next() == Some(user)).unwrap();
    let numbers: Vec<u32> = line.split(':').skip(2).take(2).map(|number| number.parse().unwrap()).collect();
    (numbers[0], numbers[1])
}

/// Runs a command that has to succeed.
fn run(mut command: Command) {
    let output = command.env_remove("OPENSSL_CONF").output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "{command:?}: {said}");
}
