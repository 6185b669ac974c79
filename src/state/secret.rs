//! The secret of a user's picks: 32 random octets, made once (spec section 7, section 11).

use std::io;

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::error::{StateCause, StateError};
use super::{State, check_private};
use crate::durable;

const LENGTH: usize = 32;

impl State {
    /// The secret; made if there is none yet, by exactly one of several processes.
    ///
    /// # Errors
    /// When there is one of another length, owner or mode, or none can be made. It is not replaced then: who could make
    /// a client draw a new secret could draw until the pick suits him.
    pub fn secret(&self) -> Result<Zeroizing<[u8; LENGTH]>, StateError> {
        if let Some(secret) = self.read_secret()? {
            return Ok(secret);
        }
        self.make(&self.directory)?;
        let path = self.directory.join(FILE);
        let mut new = Zeroizing::new([0; LENGTH]);
        SystemRandom::new().fill(&mut *new).map_err(|_| StateCause::NoRandom.at(&path))?;
        durable::create(&path, &*new, 0o600).map_err(|error| StateCause::NotWritten(error).at(&path))?;
        // Another process may have been faster; its secret is the one.
        self.read_secret()?.ok_or_else(|| StateCause::Unreadable(io::ErrorKind::NotFound.into()).at(&path))
    }

    fn read_secret(&self) -> Result<Option<Zeroizing<[u8; LENGTH]>>, StateError> {
        if !self.exists()? {
            return Ok(None);
        }
        let path = self.directory.join(FILE);
        let unreadable = |error| StateCause::Unreadable(error).at(&path);
        let file = match durable::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        check_private(&path, &file.metadata().map_err(unreadable)?, |mode| mode == 0o600)?;
        let octets = Zeroizing::new(durable::read(file, LENGTH).map_err(unreadable)?);
        let secret =
            octets.as_slice().try_into().map_err(|_| StateCause::Malformed("a secret of 32 octets").at(&path))?;
        Ok(Some(Zeroizing::new(secret)))
    }
}

const FILE: &str = "secret";
