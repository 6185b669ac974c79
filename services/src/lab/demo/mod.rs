//! `mecai lab demo`: the whole story on real programs, one step after another.

mod attacker;
mod client;
mod client_hello;
mod failure;
mod program;
mod relay;
mod step1_collect;
mod step2_connect;
mod step3_intercept;
mod step4_hacked_authority;
mod step5_outage;
mod step6_distrust;
mod step7_attack;
mod step7_failover;
mod story;
mod vouchers;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use mecai::pick::machine_id;

use self::attacker::Attacker;
use self::client::{Client, Configuration};
use self::failure::Failure;
use self::program::Program;
use self::story::Story;
use super::command::{module, program};
use super::{Error, Site, SiteServer, World, interrupt};

/// The site of the story.
const HOST: &str = "www.shop.example";
/// Whose certificate it has.
const OWNER: &str = "operator-a";
/// The client's machine, which is mixed into its pick.
const MACHINE_ID: &str = "/etc/machine-id";
/// So many, as many in each of three countries.
const OPERATORS: usize = 12;

/// What `mecai lab demo` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Demo {
    /// The module; unless told, mecai_openssl.so beside this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Spoil this step: the demo must end there
    #[arg(long, value_name = "STEP", value_parser = clap::value_parser!(u8).range(1..=7))]
    spoil: Option<u8>,
    /// How many clients meet the man in the middle who holds an authority's key
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=2000))]
    clients: u16,
    /// How often each of them is dropped and connects again
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=100))]
    repeats: u16,
    /// How long vouchers live, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(12..=3600))]
    lifetime: u64,
    /// An empty or new directory for all keys, certificates, configurations and logs; it stays. Without it, a temporary
    /// one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Where `client` and `server` of examples/c are: in steps 2 to 4 and 7 that client takes the place of curl, and
    /// that server the place of nginx with the module
    #[arg(long, value_name = "DIR")]
    examples: Option<PathBuf>,
}

/// Everything that is on stage, in the order in which it is taken down.
struct Stage<'o> {
    story: Story<'o>,
    told: Demo,
    module: PathBuf,
    /// nginx without the module.
    plain: Option<SiteServer>,
    shop: Site,
    /// The client that visits the shop all along, and its configuration.
    visitor: Client,
    visitor_conf: Configuration,
    attacker: Option<Attacker>,
    clients: Vec<Client>,
    /// Another shop of the same operator.
    neighbour: Option<Site>,
    world: World,
}

type Step = fn(&mut Stage<'_>) -> Result<(), Failure>;

const STEPS: [(&str, Step); 7] = [
    ("nginx serves www.shop.example; eleven operators vouch for its certificate", step1_collect::run),
    ("curl connects, and its log says why it accepted", step2_connect::run),
    ("Operator B is hacked: a man in the middle with a certificate for www.shop.example", step3_intercept::run),
    ("He now also holds the key of operator C's authority", step4_hacked_authority::run),
    ("All authorities and OCSP responders go down", step5_outage::run),
    ("The authorities are told to distrust operator A", step6_distrust::run),
    ("Operator A stays distrusted; the shop gets a second certificate, of operator E", step7_failover::run),
];

/// Tells the story on standard output.
///
/// # Errors
/// [`Error::Step`] names the step that did not go as told; others are about what stands before the first.
pub(super) fn run(told: &Demo) -> Result<(), Error> {
    let mut out = io::stdout();
    let mut stage = set_up(told, Story::new(&mut out))?;
    let temporary = told.keep.is_none().then(|| stage.world.directory().to_path_buf());
    let _signals = interrupt::on_signal(temporary)?;
    for (number, (title, step)) in (1..).zip(STEPS) {
        stage.story.step(number, title);
        if let Err(failure) = step(&mut stage) {
            let reason = failure.sentence();
            stage.story.cross(&reason);
            return Err(Error::Step { step: number, reason });
        }
        let seconds = stage.story.step_seconds();
        stage.story.tell(&format!("(step {number}: {seconds} s)"));
    }
    let seconds = stage.story.seconds();
    stage.story.say(&format!("\nAll {} steps went as told, in {seconds} s.", STEPS.len()));
    Ok(())
}

fn set_up<'o>(told: &Demo, mut story: Story<'o>) -> Result<Stage<'o>, Error> {
    let module = module(told.module.as_deref())?;
    check_machine_id()?;
    let mut builder = World::builder().operators(OPERATORS).authorities(program()?);
    if let Some(directory) = &told.keep {
        builder = builder.directory(directory);
    }
    let world = builder.start()?;
    story.say(&format!(
        "{OPERATORS} operators in three countries, each with a root, an intermediate, an OCSP responder, a CRL and an \
         authority, and a DNS server: real programs on loopback, in {}.",
        world.directory().display()
    ));
    let mut shop = step1_collect::open_shop(&world, &module, told.lifetime)?;
    if let Some(examples) = &told.examples {
        shop.serve_by(&examples.join("server"), &module)?;
        story.say(&format!("The examples in C in {} take the place of curl and of nginx.", examples.display()));
    }
    let visitor = Client::new(&world, &["visitor"], IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let visitor_conf = visitor.configure(&world, &module, "openssl", |conf| conf)?;
    Ok(Stage {
        story,
        told: told.clone(),
        module,
        plain: None,
        shop,
        visitor,
        visitor_conf,
        attacker: None,
        clients: Vec::new(),
        neighbour: None,
        world,
    })
}

/// Without it no client has a pick of its own (spec 7), and step 4 would tell another story.
fn check_machine_id() -> Result<(), Error> {
    let path = Path::new(MACHINE_ID);
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    machine_id(&text).map(|_| ()).map_err(|problem| Error::NoMachineId { path: path.to_path_buf(), problem })
}

impl Stage<'_> {
    /// Whether this step is to be spoiled.
    fn spoils(&self, step: u8) -> bool {
        self.told.spoil == Some(step)
    }

    /// What visits the shop: curl, or the example that takes its place.
    fn program(&self) -> Program {
        self.told.examples.as_ref().map_or(Program::Curl, |examples| Program::Example(examples.join("client")))
    }
}
