//! What the handshakes need, in a directory: certificates, an authority list of 50 operators, stores, openssl.cnf.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use mecai::authority_list::{AuthorityEntry, AuthorityList, ListFile, OperatorEntry};
use mecai::chain::certificate_digest;
use mecai::pick::{Pick, PickSecret};
use mecai::signature::SigningKey;
use mecai::store::{Contents, Store, StoredAlternate};
use mecai::time::UnixTime;
use mecai_services::lab::{Ca, Leaf, Pointers, Subject, Validity};

use crate::vouchers::{self, now};

/// The name of all servers here.
pub(crate) const HOST: &str = "www.shop.example";
const OPERATORS: usize = 50;
const COUNTRIES: [&str; 3] = ["DE", "US", "JP"];
const DAY: u64 = 86_400;

/// How a configuration begins; Node.js reads a line of its own.
const HEAD: &str = "openssl_conf = openssl_init\nnodejs_conf = openssl_init\n[openssl_init]\n";

/// The files in the directory of one configuration.
pub(crate) struct World(PathBuf);

/// A server's files.
pub(crate) struct Site {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl World {
    pub(crate) fn open(directory: &Path) -> Result<Self, Box<dyn Error>> {
        Ok(Self(fs::canonicalize(directory)?))
    }

    /// The roots that all clients trust.
    pub(crate) fn roots(&self) -> PathBuf {
        self.0.join("roots.pem")
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The configuration that loads the module.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.0.join("openssl.cnf")
    }

    /// The same with `mode = off`.
    pub(crate) fn off(&self) -> PathBuf {
        self.0.join("off.cnf")
    }

    /// A configuration without the module.
    pub(crate) fn without(&self) -> PathBuf {
        self.0.join("without.cnf")
    }

    /// A stapled OCSP response for the plain site, in DER.
    pub(crate) fn staple(&self) -> PathBuf {
        self.0.join("staple.der")
    }

    /// The site that has vouchers of so many authorities; 0 for none.
    pub(crate) fn site(&self, authorities: usize) -> Site {
        self.site_named(&authorities.to_string())
    }

    /// The site without vouchers, whose alternate has two.
    pub(crate) fn fallen_site(&self) -> Site {
        self.site_named("fallen")
    }

    fn site_named(&self, name: &str) -> Site {
        let path = |suffix| self.0.join(format!("site-{name}.{suffix}"));
        Site { chain: path("pem"), key: path("key") }
    }

    /// Octets of the alternate's chain and of its bundles.
    pub(crate) fn alternate_octets(&self) -> Result<usize, Box<dyn Error>> {
        let own = openssl::x509::X509::from_pem(&fs::read(self.fallen_site().chain)?)?.to_der()?;
        let contents = Store::new(self.0.join("vouchers")).read(&certificate_digest(&own))?;
        let alternate = contents.as_ref().and_then(Contents::alternate).ok_or("there is no alternate")?;
        let bundles = alternate.bundles.iter().map(|bundle| bundle.der().len()).sum::<usize>();
        Ok(alternate.chain.iter().map(Vec::len).sum::<usize>() + bundles)
    }

    /// Makes everything anew, for clients that demand `quorum` of `candidates`.
    pub(crate) fn make(
        directory: &Path,
        module: &Path,
        quorum: usize,
        candidates: usize,
    ) -> Result<(), Box<dyn Error>> {
        let world = Self::open(directory)?;
        let cas = [Cas::new(1)?, Cas::new(2)?];
        let roots = cas.iter().map(|ca| ca.root.certificate_pem()).collect::<String>();
        fs::write(world.roots(), roots)?;
        let intermediate = &cas[0].intermediate;

        let keys = (0..OPERATORS).map(|_| Ok(SigningKey::from_pkcs8(&SigningKey::generate()?)?));
        let keys = keys.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let list = world.write_list(&cas, &keys)?;
        let pick = world.write_state(&list, candidates)?;
        // The picked operators first, so that the quorum is there in the smallest bundle too.
        let others = (0..OPERATORS).filter(|operator| !pick.operators().contains(operator));
        let order: Vec<usize> = pick.operators().iter().copied().chain(others).collect();
        let endorsing = |authorities: usize, owners: &[usize]| -> Vec<&SigningKey> {
            let others = order.iter().filter(|operator| !owners.contains(operator));
            others.take(authorities).map(|operator| &keys[*operator]).collect()
        };
        fs::create_dir(world.0.join("vouchers"))?;
        let store = Store::new(world.0.join("vouchers"));
        for authorities in [0, 2, 8] {
            let site = intermediate.issue(&Leaf::new([HOST]).lifetime(90 * DAY))?;
            fs::write(world.site(authorities).chain, site.chain_pem())?;
            fs::write(world.site(authorities).key, site.key_pem())?;
            if authorities == 0 {
                // As most CAs have it: the responder is one that the CA has delegated to.
                intermediate.delegate_ocsp(true)?;
                fs::write(world.staple(), intermediate.staple(site.serial())?)?;
                continue;
            }
            let contents =
                vouchers::contents(certificate_digest(site.certificate()), HOST, &endorsing(authorities, &[0]))
                    .map_err(|error| -> Box<dyn Error> { error })?;
            store.write(&contents)?;
        }
        let own = intermediate.issue(&Leaf::new([HOST]).lifetime(90 * DAY))?;
        fs::write(world.fallen_site().chain, own.chain_pem())?;
        fs::write(world.fallen_site().key, own.key_pem())?;
        let alternate = cas[1].intermediate.issue(&Leaf::new([HOST]).lifetime(90 * DAY).key(own.key_pem()))?;
        let bundle = vouchers::bundle(certificate_digest(alternate.certificate()), HOST, &endorsing(2, &[0, 1]))
            .map_err(|error| -> Box<dyn Error> { error })?;
        let alternate = StoredAlternate { chain: alternate.chain().to_vec(), bundles: vec![bundle] };
        let own = certificate_digest(own.certificate());
        store.write(&Contents::new(own, Vec::new(), Some(alternate), Vec::new())?)?;
        world.write_configurations(module, quorum, candidates)
    }

    fn write_list(&self, cas: &[Cas], keys: &[SigningKey]) -> Result<AuthorityList, Box<dyn Error>> {
        let operator = |(index, key): (usize, &SigningKey)| {
            let number = index + 1;
            let ca_keys = match cas.get(index) {
                Some(ca) => vec![ca.root.spki_sha256(), ca.intermediate.spki_sha256()],
                None => vec![certificate_digest(format!("CA key of operator {number}").as_bytes())],
            };
            let ca_keys = ca_keys.iter().map(|key| HEXLOWER.encode(key)).collect();
            OperatorEntry {
                id: format!("operator-{number:02}"),
                name: format!("Operator {number:02}"),
                country: COUNTRIES[index % COUNTRIES.len()].into(),
                ca_keys,
                authorities: vec![AuthorityEntry {
                    public_key: key.public_key_base64(),
                    url: format!("https://va.operator-{number:02}.example/"),
                    regions: vec!["EU".into()],
                    valid_from: UnixTime(now().0 - DAY).to_string(),
                    valid_until: now().plus(365 * DAY).to_string(),
                }],
            }
        };
        let file = ListFile {
            version: 1,
            sequence: 1,
            issued: now().to_string(),
            expires: now().plus(20 * DAY).to_string(),
            operators: keys.iter().enumerate().map(operator).collect(),
        };
        let text = serde_json::to_vec_pretty(&file)?;
        let pair = minisign::KeyPair::generate_unencrypted_keypair()?;
        let signature = minisign::sign(None, &pair.sk, text.as_slice(), None, None)?;
        fs::write(self.0.join("authorities.json"), &text)?;
        fs::write(self.0.join("authorities.json.minisig"), signature.to_string())?;
        fs::write(self.0.join("list.key"), pair.pk.to_base64())?;
        Ok(AuthorityList::from_json(&text)?)
    }

    /// The client's state directory with a fixed secret, and the pick that follows from it on this machine.
    fn write_state(&self, list: &AuthorityList, candidates: usize) -> Result<Pick, Box<dyn Error>> {
        let state = self.0.join("state");
        fs::create_dir(&state)?;
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700))?;
        let secret = certificate_digest(b"the secret of the benchmark");
        fs::write(state.join("secret"), secret)?;
        fs::set_permissions(state.join("secret"), fs::Permissions::from_mode(0o600))?;
        let secret = PickSecret::new(&secret, &fs::read_to_string("/etc/machine-id")?);
        Ok(Pick::draw(list, &secret, HOST, candidates, None, now()))
    }

    fn write_configurations(&self, module: &Path, quorum: usize, candidates: usize) -> Result<(), Box<dyn Error>> {
        fs::write(self.0.join("module"), module.to_str().ok_or("a path that is not UTF-8")?)?;
        let at = |name: &str| self.0.join(name).display().to_string();
        let section = |mode| -> Result<String, Box<dyn Error>> {
            Ok(format!(
                "role = both\nmode = {mode}\nauthorities = {}\nauthorities_keys = {}\nvouchers = {}\nstate = {}\n\
                 candidates = {candidates}\nquorum = {quorum}\nlog = off\n",
                at("authorities.json"),
                fs::read_to_string(at("list.key"))?.trim(),
                at("vouchers"),
                at("state"),
            ))
        };
        self.write_section(&self.configuration(), &section("require")?)?;
        self.write_section(&self.off(), &section("off")?)?;
        Ok(fs::write(self.without(), HEAD)?)
    }

    /// Writes a configuration that loads the module with these keys.
    pub(crate) fn write_section(&self, path: &Path, keys: &str) -> Result<(), Box<dyn Error>> {
        let module = fs::read_to_string(self.0.join("module"))?;
        let text = format!("{HEAD}mecai = mecai_section\n[mecai_section]\npath = {module}\n{keys}");
        Ok(fs::write(path, text)?)
    }
}

/// The CAs of an operator.
struct Cas {
    root: Ca,
    intermediate: Ca,
}

impl Cas {
    fn new(number: usize) -> Result<Self, Box<dyn Error>> {
        let subject = |what: &str| Subject {
            name: format!("{what} {number:02}"),
            organization: format!("Operator {number:02}"),
            country: COUNTRIES[(number - 1) % COUNTRIES.len()].into(),
        };
        let root = Ca::root(&subject("Root"), Validity::seconds(3650 * DAY), Pointers::default())?;
        let pointers = Pointers { ocsp: Some("http://ocsp.operator.example/".into()), ..Pointers::default() };
        let intermediate = root.intermediate(&subject("Intermediate"), Validity::seconds(1000 * DAY), pointers)?;
        Ok(Self { root, intermediate })
    }
}
