//! Programs that ask for MECAI themselves, by the C functions: they link the module's file, and openssl.cnf says nothing.

mod calls;
mod connections;
mod contexts;
mod crowd;
mod found;
mod json;
mod linked;
mod settings;

use crate::in_memory::{InMemory, Watched};
use crate::world::Vouched;

/// What a server shows, and a program that does what it is told (`script.c`).
struct Attached {
    in_memory: InMemory,
    program: String,
}

impl Attached {
    fn new() -> Self {
        Self::watched(Watched::No)
    }

    fn watched(watched: Watched) -> Self {
        let in_memory = InMemory::without_config(watched);
        let program = build(&in_memory, "script");
        Self { in_memory, program }
    }

    /// The settings of a client, and these.
    fn client<'a>(&'a self, more: &[&'a str]) -> Vec<String> {
        let world = &self.in_memory.world;
        let own = ["client", "authorities", &world.path("list.json"), "authorities_keys", &world.list_key];
        own.iter().chain(more).chain(&["."]).map(|word| (*word).to_owned()).collect()
    }

    /// Those of a server.
    fn server(&self) -> Vec<String> {
        let store = self.in_memory.world.path("vouchers");
        ["server", "role", "server", "vouchers", &store, "."].map(str::to_owned).to_vec()
    }

    /// Both.
    fn both(&self, more: &[&str]) -> Vec<String> {
        [self.client(more), self.server()].concat()
    }

    /// Runs the program with these commands, and gives what it prints, line by line.
    fn run(&self, commands: &[&[String]]) -> Vec<String> {
        let commands = commands.concat();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        let said = self.in_memory.end(self.in_memory.start(&self.program, &commands));
        said.lines().map(str::to_owned).collect()
    }
}

/// Compiles `NAME.c` of this directory and links it to the module's file.
fn build(in_memory: &InMemory, name: &str) -> String {
    std::fs::create_dir_all(in_memory.world.path("attached")).unwrap();
    let module = in_memory.module.to_str().unwrap();
    let directory = format!("-Wl,-rpath,{}", in_memory.module.parent().unwrap().display());
    in_memory.build(&format!("attached/{name}"), &[module, &directory])
}

/// The words of a script.
fn words(script: &str) -> Vec<String> {
    script.split_whitespace().map(str::to_owned).collect()
}

/// Vouchers for the site's own certificate, at this port.
fn at_port<'a>(in_memory: &'a InMemory, port: u16) -> Vouched<'a> {
    Vouched { port, ..Vouched::for_site(&in_memory.site) }
}
