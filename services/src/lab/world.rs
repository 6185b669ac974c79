//! A world: a directory, operators, DNS, and everything that runs for them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use mecai::authority_list::OperatorEntry as ListedOperator;

use super::authority::Surroundings;
use super::directory::{Directory, write_private, write_public};
use super::pki::{Ca, Issued};
use super::world_file::{AuthorityEntry, OperatorEntry, SiteEntry, WorldFile};
use super::{Authority, Dns, Error, Operator, Port, SignedList};

/// Holds the port of sites, which live at other addresses in 127.0.0.0/8.
const SITE: Ipv4Addr = Ipv4Addr::new(127, 10, 0, 255);
/// Where the world's own servers live.
const SERVERS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Operators, their servers and DNS on loopback. Dropping it stops them all, and deletes the directory unless that was
/// given.
#[derive(Debug)]
pub struct World {
    authorities: Vec<Authority>,
    list: SignedList,
    operators: Vec<Operator>,
    dns: Dns,
    site_port: Port,
    program: Option<PathBuf>,
    file: Mutex<WorldFile>,
    directory: Directory,
}

/// What a world is to be like.
#[derive(Debug)]
pub struct WorldBuilder {
    operators: usize,
    directory: Option<PathBuf>,
    program: Option<PathBuf>,
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

    /// With an authority for every operator, each a process of this program `mecai`. Unless told, there are none, and
    /// the authority list names none.
    #[must_use]
    pub fn authorities(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Starts everything; when this returns, every server listens, and `world.json` and the signed authority list are
    /// there.
    ///
    /// # Errors
    /// [`Error::NoOperators`]; [`Error::NotEmpty`], [`Error::Closed`] and [`Error::File`] for the directory;
    /// [`Error::Listen`], [`Error::Thread`], [`Error::Issue`] for what is in it; [`Error::Start`], [`Error::Ended`] and
    /// [`Error::NotReady`] for the authorities.
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
        let list = SignedList::new(directory.path().join("authorities.json"), &directory.make_below(&["list-keys"])?)?;
        // Taken once for all sites, as authorities probe only the ports that they are told at the start.
        let site_port = Port::hold(SITE.into())?;
        let mut authorities = Vec::new();
        if let Some(program) = &self.program {
            let surroundings = Surroundings {
                program: program.clone(),
                roots: roots.clone(),
                list: list.path().to_path_buf(),
                list_keys: list.keys(),
                dns: dns.address(),
                ports: vec![443, site_port.address().port()],
                fetch_ports: operators.iter().map(|operator| operator.revocation().address().port()).collect(),
            };
            for (operator, entry) in operators.iter().zip(&mut entries) {
                let below = directory.make_below(&["operators", operator.id(), "authority"])?;
                let cas = [entry.root.certificate.as_path(), entry.intermediate.certificate.as_path()];
                let authority = Authority::make(operator, cas, &below, SERVERS, surroundings.clone())?;
                entry.authority = Some(AuthorityEntry::new(&authority));
                authorities.push(authority);
            }
        }
        let file = WorldFile::new(directory.path(), roots, dns.address(), &list, entries);
        file.write()?;
        let world = World {
            authorities,
            list,
            operators,
            dns,
            site_port,
            program: self.program,
            file: Mutex::new(file),
            directory,
        };
        world.publish_list()?;
        world.authorities_up()?;
        Ok(world)
    }
}

impl World {
    /// A builder for a world of 12 operators in a temporary directory.
    pub fn builder() -> WorldBuilder {
        WorldBuilder { operators: 12, directory: None, program: None }
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

    /// The authorities in the order of their operators, if the world was started with any.
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// The authority of the operator with this id.
    ///
    /// # Errors
    /// [`Error::UnknownOperator`], also for a world without authorities.
    pub fn authority(&self, id: &str) -> Result<&Authority, Error> {
        self.authorities.iter().find(|authority| authority.operator() == id).ok_or_else(|| Error::UnknownOperator {
            id: id.to_owned(),
            first: self.authorities.first().map(|authority| authority.operator().to_owned()).unwrap_or_default(),
            last: self.authorities.last().map(|authority| authority.operator().to_owned()).unwrap_or_default(),
        })
    }

    /// Starts those authorities that are down, all at a time, and waits for them.
    ///
    /// # Errors
    /// As [`Authority::up`].
    pub fn authorities_up(&self) -> Result<(), Error> {
        self.authorities.iter().try_for_each(Authority::begin)?;
        self.authorities.iter().try_for_each(Authority::wait_until_up)
    }

    /// Ends all authorities. Connections to them are refused until [`World::authorities_up`].
    pub fn authorities_down(&self) {
        self.authorities.iter().for_each(Authority::begin_to_end);
        self.authorities.iter().for_each(Authority::down);
    }

    /// Starts all OCSP responders and CRL servers that are down.
    ///
    /// # Errors
    /// As [`RevocationServer::up`](super::RevocationServer::up).
    pub fn revocation_up(&self) -> Result<(), Error> {
        self.operators.iter().try_for_each(|operator| operator.revocation().up())
    }

    /// Ends all OCSP responders and CRL servers until [`World::revocation_up`].
    pub fn revocation_down(&self) {
        self.operators.iter().for_each(|operator| operator.revocation().down());
    }

    /// The authority list.
    pub fn list(&self) -> &SignedList {
        &self.list
    }

    /// Publishes a list of the operators as they are now, in the place of the last one: with intermediates that they
    /// have got since.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Issue`].
    pub fn publish_list(&self) -> Result<(), Error> {
        let operators = self.operators.iter().enumerate().map(|(index, operator)| {
            let authorities = match self.authorities.get(index) {
                Some(authority) => authority.entry()?.authorities,
                None => Vec::new(),
            };
            Ok(ListedOperator {
                id: operator.id().to_owned(),
                name: operator.name().to_owned(),
                country: operator.country().to_owned(),
                ca_keys: operator.ca_keys().iter().map(|key| HEXLOWER.encode(key)).collect(),
                authorities,
            })
        });
        self.list.publish(operators.collect::<Result<_, Error>>()?)
    }

    /// A CA certificate that was made elsewhere, PEM, belongs to this operator from now on, and everybody trusts it as
    /// they trust roots: it is added to the file of these, and to the authority list. Authorities read their roots when
    /// they start, so all are started anew.
    ///
    /// # Errors
    /// [`Error::UnknownOperator`]; [`Error::Issue`] for what is no certificate; as [`World::publish_list`] and
    /// [`World::authorities_up`].
    pub fn adopt(&self, operator: &str, certificate_pem: &str) -> Result<(), Error> {
        let operator = self.operator(operator)?;
        let spki = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
            .ok()
            .and_then(|(_, pem)| mecai::chain::spki_hash(&pem.contents))
            .ok_or_else(|| Error::Issue {
                what: format!("an entry for a CA of {}", operator.id()),
                reason: "its certificate cannot be read".to_owned(),
            })?;
        let roots = self.roots();
        let known = fs::read_to_string(&roots).map_err(Error::file("read", &roots))?;
        write_public(&roots, &format!("{known}{certificate_pem}"))?;
        operator.adopt(spki);
        self.publish_list()?;
        self.authorities_down();
        self.authorities_up()
    }

    /// The program `mecai` that its authorities and agents are.
    ///
    /// # Errors
    /// [`Error::NoProgram`].
    pub fn program(&self) -> Result<&Path, Error> {
        self.program.as_deref().ok_or(Error::NoProgram)
    }

    /// The port of all sites: the one that authorities probe, besides 443.
    pub fn site_port(&self) -> u16 {
        self.site_port.address().port()
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

impl Drop for World {
    fn drop(&mut self) {
        self.authorities_down();
    }
}

fn write_ca(ca: &Ca, certificate: &Path, key: &Path) -> Result<(), Error> {
    write_public(certificate, &ca.certificate_pem())?;
    write_private(key, &ca.key_pem())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;
    use std::fs::Permissions;
    use std::net::TcpStream;
    use std::os::unix::fs::PermissionsExt;

    use mecai::authority_list::AuthorityList;

    use super::super::process::is_root;

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
    fn an_adopted_ca_is_trusted_and_listed() {
        let world = World::builder().operators(2).start().unwrap();
        let elsewhere = World::builder().operators(1).start().unwrap();
        let ca = elsewhere.operators()[0].intermediate();
        assert_eq!(world.adopt("operator-b", "none").unwrap_err().code(), "lab_issue");
        world.adopt("operator-b", &ca.certificate_pem()).unwrap();
        let roots = fs::read_to_string(world.roots()).unwrap();
        assert!(roots.ends_with(&ca.certificate_pem()) && roots.matches("BEGIN CERTIFICATE").count() == 3, "{roots}");
        let list = AuthorityList::from_json(&fs::read(world.list().path()).unwrap()).unwrap();
        assert_eq!(list.sequence(), 2);
        let listed: Vec<usize> = list.operators().iter().map(|operator| operator.ca_keys.len()).collect();
        assert_eq!(listed, [2, 3]);
        assert!(world.operators()[1].ca_keys().contains(&ca.spki_sha256()));
    }

    #[test]
    fn a_given_directory_must_be_empty_and_stays() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
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
