//! A world: a directory, operators, DNS, and everything that runs for them.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::pki::{Ca, Issued};
use super::process::is_root;
use super::world_file::{OperatorEntry, SiteEntry, WorldFile};
use super::{Dns, Error, Operator};

/// Where the world's own servers live. Sites may live at other addresses in 127.0.0.0/8.
const SERVERS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Everybody may enter and list; a server's workers run as another user.
const OPEN: u32 = 0o755;

/// Operators, their servers and DNS on loopback. Dropping it stops them all, and deletes the directory unless that was
/// given.
#[derive(Debug)]
pub struct World {
    operators: Vec<Operator>,
    dns: Dns,
    file: Mutex<WorldFile>,
    directory: Directory,
}

/// What a world is to be like.
#[derive(Debug)]
pub struct WorldBuilder {
    operators: usize,
    directory: Option<PathBuf>,
}

impl WorldBuilder {
    /// How many operators: 12 unless told. Countries DE, US and JP in turn.
    #[must_use]
    pub fn operators(mut self, operators: usize) -> Self {
        self.operators = operators;
        self
    }

    /// The directory, which is made if need be, must be empty, and stays. Unless told, a new one below the system's
    /// directory for temporary files, which goes with the world.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Starts everything; when this returns, every server listens and `world.json` is there.
    ///
    /// # Errors
    /// [`Error::NoOperators`]; [`Error::NotEmpty`], [`Error::Closed`] and [`Error::File`] for the directory;
    /// [`Error::Listen`], [`Error::Thread`], [`Error::Issue`] for what is in it.
    pub fn start(self) -> Result<World, Error> {
        if self.operators == 0 {
            return Err(Error::NoOperators);
        }
        let directory = Directory::make(self.directory)?;
        let operators =
            (0..self.operators).map(|index| Operator::start(index, SERVERS)).collect::<Result<Vec<_>, _>>()?;
        let dns = Dns::start(SERVERS)?;

        let roots = directory.path().join("roots.pem");
        write_public(&roots, &operators.iter().map(|operator| operator.root().certificate_pem()).collect::<String>())?;
        let mut entries = Vec::new();
        for operator in &operators {
            let entry = OperatorEntry::new(operator, &directory.make_below(&["operators", operator.id()])?);
            write_ca(operator.root(), &entry.root.certificate, &entry.root.key)?;
            write_ca(operator.intermediate(), &entry.intermediate.certificate, &entry.intermediate.key)?;
            entries.push(entry);
        }
        let file = WorldFile::new(directory.path(), roots, dns.address(), entries);
        file.write()?;
        Ok(World { operators, dns, file: Mutex::new(file), directory })
    }
}

impl World {
    /// A builder for a world of 12 operators in a temporary directory.
    pub fn builder() -> WorldBuilder {
        WorldBuilder { operators: 12, directory: None }
    }

    /// The world's directory: absolute, and every user may enter it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A new or existing directory with mode 0755 below the world's own.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn make_directory(&self, below: &[&str]) -> Result<PathBuf, Error> {
        self.directory.make_below(below)
    }

    /// The operators, in order.
    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    /// The operator with this id: `operator-a`.
    ///
    /// # Errors
    /// [`Error::UnknownOperator`].
    pub fn operator(&self, id: &str) -> Result<&Operator, Error> {
        self.operators.iter().find(|operator| operator.id() == id).ok_or_else(|| Error::UnknownOperator {
            id: id.to_owned(),
            first: self.operators.first().map(|operator| operator.id().to_owned()).unwrap_or_default(),
            last: self.operators.last().map(|operator| operator.id().to_owned()).unwrap_or_default(),
        })
    }

    /// The DNS server.
    pub fn dns(&self) -> &Dns {
        &self.dns
    }

    /// A PEM file with the roots of all operators: a client's CAfile.
    pub fn roots(&self) -> PathBuf {
        self.file().roots.clone()
    }

    /// What `world.json` says at the moment.
    pub fn describe(&self) -> WorldFile {
        self.file().clone()
    }

    /// Writes what a server needs, key and chain in PEM, below `sites/<name>`, over what was there under this name;
    /// `world.json` names the files from then on.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write_site(&self, name: &str, issued: &Issued) -> Result<SiteEntry, Error> {
        let directory = self.directory.make_below(&["sites", name])?;
        let site =
            SiteEntry { name: name.to_owned(), chain: directory.join("chain.pem"), key: directory.join("key.pem") };
        write_public(&site.chain, &issued.chain_pem())?;
        write_private(&site.key, issued.key_pem())?;
        let mut file = self.file();
        file.sites.retain(|known| known.name != name);
        file.sites.push(site.clone());
        file.write()?;
        Ok(site)
    }

    fn file(&self) -> MutexGuard<'_, WorldFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
enum Directory {
    Given(PathBuf),
    Temporary(TempDir),
}

impl Directory {
    fn make(given: Option<PathBuf>) -> Result<Self, Error> {
        let Some(path) = given else {
            let parent = std::env::temp_dir();
            let parent = parent.canonicalize().map_err(Error::file("find", &parent))?;
            require_open(&parent)?;
            let directory = tempfile::Builder::new().prefix("mecai-lab-").tempdir_in(&parent);
            let directory = directory.map_err(Error::file("create a directory in", &parent))?;
            set_open(directory.path())?;
            return Ok(Self::Temporary(directory));
        };
        let path = std::path::absolute(&path).map_err(Error::file("find", &path))?;
        require_open(&path)?;
        make_open(&path)?;
        let path = path.canonicalize().map_err(Error::file("find", &path))?;
        match fs::read_dir(&path).map_err(Error::file("read", &path))?.next() {
            None => Ok(Self::Given(path)),
            Some(_) => Err(Error::NotEmpty { path }),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }

    fn make_below(&self, below: &[&str]) -> Result<PathBuf, Error> {
        let mut path = self.path().to_path_buf();
        for part in below {
            path.push(part);
            make_open(&path)?;
        }
        Ok(path)
    }
}

/// Makes what is missing of a path; what is there stays as it is.
pub(super) fn make_open(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_open(parent)?;
    }
    fs::create_dir(path).map_err(Error::file("create", path))?;
    set_open(path)
}

/// Not left to `create_dir`, whose mode the umask cuts.
fn set_open(path: &Path) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(OPEN)).map_err(Error::file("open to other users", path))
}

/// A server that gives up root's rights must still get there. Looks at what exists of the path.
fn require_open(path: &Path) -> Result<(), Error> {
    if !is_root() {
        return Ok(());
    }
    for directory in path.ancestors().filter(|directory| directory.exists()) {
        let mode = fs::metadata(directory).map_err(Error::file("examine", directory))?.permissions().mode() & 0o777;
        if mode & 0o001 == 0 {
            return Err(Error::Closed { path: directory.to_path_buf(), mode });
        }
    }
    Ok(())
}

fn write_ca(ca: &Ca, certificate: &Path, key: &Path) -> Result<(), Error> {
    write_public(certificate, &ca.certificate_pem())?;
    write_private(key, &ca.key_pem())
}

fn write_public(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, 0o644)
}

fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, 0o600)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let write = || {
        let mut file = File::options().write(true).create(true).truncate(true).mode(mode).open(path)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())
    };
    write().map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn twelve_operators_from_three_countries_are_all_in_world_json() {
        let world = World::builder().start().unwrap();
        let file = WorldFile::read(world.directory()).unwrap();
        assert_eq!(file, world.describe());
        assert_eq!(file.operators.len(), 12);
        let mut countries = BTreeMap::new();
        for operator in &file.operators {
            *countries.entry(operator.country.as_str()).or_insert(0) += 1;
            TcpStream::connect(operator.revocation).unwrap();
            for path in [&operator.root.certificate, &operator.root.key, &operator.intermediate.certificate] {
                assert!(path.is_file(), "{}", path.display());
            }
            let key_mode = fs::metadata(&operator.root.key).unwrap().permissions().mode();
            assert_eq!(key_mode & 0o777, 0o600);
        }
        assert_eq!(countries, BTreeMap::from([("DE", 4), ("JP", 4), ("US", 4)]));
        let roots = fs::read_to_string(&file.roots).unwrap();
        assert_eq!(roots.matches("BEGIN CERTIFICATE").count(), 12);
        TcpStream::connect(file.dns).unwrap();
        assert_eq!(world.operator("operator-q").unwrap_err().code(), "lab_unknown_operator");
    }

    #[test]
    fn dropping_a_world_stops_its_servers_and_deletes_its_directory() {
        let world = World::builder().operators(2).start().unwrap();
        let file = world.describe();
        drop(world);
        for address in [file.dns, file.operators[0].revocation, file.operators[1].revocation] {
            assert!(TcpStream::connect(address).is_err(), "{address}");
        }
        assert!(!file.directory.exists());
    }

    #[test]
    fn a_given_directory_must_be_empty_and_stays() {
        let parent = tempfile::tempdir().unwrap();
        set_open(parent.path()).unwrap();
        let directory = parent.path().join("deep/world");
        drop(World::builder().operators(1).directory(&directory).start().unwrap());
        assert!(WorldFile::path(&directory).is_file());
        let error = World::builder().operators(1).directory(&directory).start().unwrap_err();
        assert_eq!(error.code(), "lab_directory_not_empty");
        assert_eq!(World::builder().operators(0).start().unwrap_err().code(), "lab_no_operators");
    }

    #[test]
    fn a_directory_that_others_cannot_enter_is_refused_to_root_and_left_as_it_is() {
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), Permissions::from_mode(0o700)).unwrap();
        let outcome = World::builder().operators(1).directory(closed.path().join("world")).start();
        if is_root() {
            let error = outcome.unwrap_err();
            assert_eq!(error.code(), "lab_directory_closed");
            assert!(error.to_string().contains("mode 700"), "{error}");
            assert!(!closed.path().join("world").exists());
        } else {
            outcome.unwrap();
        }
        assert_eq!(fs::metadata(closed.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
