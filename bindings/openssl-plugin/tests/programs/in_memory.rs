//! C programs that are client and server in one process, with the module: plain, under valgrind, or with the module's
//! code instrumented by AddressSanitizer.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use mecai::chain::certificate_digest;
use mecai::store::{Contents, Store, StoredAlternate, StoredBundle};

use crate::world::{HOST, Site, Vouched, World, said};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs");

/// What watches a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    By(&'static str),
    No,
}

pub(crate) const VALGRIND: Watched = Watched::By("valgrind");
pub(crate) const ASAN: Watched = Watched::By("AddressSanitizer");

/// A site with vouchers, and what the programs need to handshake with it.
pub(crate) struct InMemory {
    pub(crate) world: World,
    pub(crate) site: Site,
    pub(crate) module: PathBuf,
    /// Memory that is lost is an error to whoever watches.
    pub(crate) counts_leaks: bool,
    /// What OpenSSL reads.
    pub(crate) config: String,
    watched: Watched,
}

impl InMemory {
    pub(crate) fn new(watched: Watched) -> Self {
        let world = World::new();
        let site = world.site("site", &[HOST]);
        let (vouchers, state) = (world.path("vouchers"), world.path("state"));
        fs::create_dir(&vouchers).unwrap();
        let config = world.write_config("both", &[("vouchers", &vouchers), ("state", &state)]);
        let module = if watched == ASAN { instrumented().module.clone() } else { crate::world::module().to_owned() };
        let text = fs::read_to_string(&config).unwrap();
        let shipped = crate::world::module().to_str().unwrap();
        fs::write(&config, text.replace(shipped, module.to_str().unwrap())).unwrap();
        let new = Self { world, site, module, counts_leaks: true, config, watched };
        new.write_vouchers(&Vouched::for_site(&new.site));
        new
    }

    /// The same for programs that ask for the module themselves.
    pub(crate) fn without_config(watched: Watched) -> Self {
        Self { config: "/dev/null".to_owned(), ..Self::new(watched) }
    }

    /// Puts vouchers into the server's store.
    pub(crate) fn write_vouchers(&self, vouched: &Vouched<'_>) {
        let bundle = StoredBundle::from_der(&self.world.bundle(vouched)).unwrap();
        let contents = Contents::new(certificate_digest(&self.site.der), vec![bundle], None, vec![]).unwrap();
        Store::new(self.world.path("vouchers")).write(&contents).unwrap();
    }

    /// Takes the vouchers away, and puts an alternate that has some into the server's store; clients trust its root, too.
    pub(crate) fn write_alternate(&self) {
        let world = &self.world;
        fs::copy(world.path("roots.pem"), world.path("root.pem")).unwrap();
        let key = rcgen::KeyPair::from_pem(&fs::read_to_string(&self.site.key).unwrap()).unwrap();
        let params = rcgen::CertificateParams::new([HOST.to_owned()]).unwrap();
        let alternate = world.issue("alternate", 1, params, &key);
        let vouched = Vouched { first: 2, ..Vouched::for_site(&alternate) };
        let bundles = vec![StoredBundle::from_der(&world.bundle(&vouched)).unwrap()];
        let alternate = StoredAlternate { chain: vec![alternate.der], bundles };
        let contents = Contents::new(certificate_digest(&self.site.der), vec![], Some(alternate), vec![]).unwrap();
        Store::new(world.path("vouchers")).write(&contents).unwrap();
    }

    /// Compiles `NAME.c` with these further arguments; gives the program, or the library.
    pub(crate) fn build(&self, name: &str, arguments: &[&str]) -> String {
        let mut all = vec!["-Wextra", "-rdynamic"];
        if self.watched == ASAN && !arguments.contains(&"-shared") {
            // The whole of it: the functions that the module calls are in no object that the program asks for.
            all.extend(["-Wl,--whole-archive", &instrumented().runtime, "-Wl,--no-whole-archive"]);
        }
        all.extend(arguments);
        all.extend(["-lssl", "-lcrypto", "-lpthread", "-ldl", "-lm"]);
        self.world.cc(name, &format!("{SOURCES}/{name}.c"), &all)
    }

    /// Starts a program with these arguments and the site's files.
    pub(crate) fn start(&self, program: &str, arguments: &[&str]) -> Child {
        let mut command = match self.watched {
            VALGRIND => {
                let mut command = Command::new("valgrind");
                // What a static reaches through a pointer into an allocation (an Arc's) is "possibly lost" to valgrind.
                command.args(["--quiet", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
                // At the end it would free what glibc keeps, while other threads still use it.
                command.args(["--error-exitcode=9", "--run-libc-freeres=no"]);
                command.arg(if self.counts_leaks { "--leak-check=full" } else { "--leak-check=no" });
                command.arg(program);
                command
            }
            _ => Command::new(program),
        };
        command.args(arguments).arg(self.world.path("root.pem")).arg(&self.site.certificate).arg(&self.site.key);
        let leaks = format!("detect_leaks={}", u8::from(self.counts_leaks));
        command.env("OPENSSL_CONF", &self.config).env("ASAN_OPTIONS", leaks);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits for a program, which must end well, and gives what it said.
    pub(crate) fn end(&self, program: Child) -> String {
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success(), "{:?} {}\n{}", output.status, said(&output), self.world.log());
        assert!(self.watched == Watched::No || output.stderr.is_empty(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Compiles `NAME.c`, runs it, and gives what it said.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> String {
        let program = self.build(name, &[]);
        self.end(self.start(&program, arguments))
    }
}

/// The module with AddressSanitizer, and the sanitizer's runtime, which has to be in the program.
struct Instrumented {
    module: PathBuf,
    runtime: String,
}

fn instrumented() -> &'static Instrumented {
    static INSTRUMENTED: OnceLock<Instrumented> = OnceLock::new();
    INSTRUMENTED.get_or_init(|| {
        let output =
            Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/link.sh")).args(["dev", "address"]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let lines = String::from_utf8(output.stdout).unwrap();
        let [module, runtime] = lines.lines().collect::<Vec<_>>()[..] else { panic!("{lines}") };
        Instrumented { module: module.into(), runtime: runtime.to_owned() }
    })
}
