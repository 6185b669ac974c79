//! The module as an OpenSSL provider. A provider reads one fixed file, so each program gets an /etc of its own.

use std::fs;
use std::process::Stdio;

use crate::overlay::Overlay;
use crate::world::{HOST, World, module, said};

/// A directory that holds the module alone, for programs that look for a provider by its name.
fn provider_path(world: &World) -> String {
    let directory = world.path("modules");
    fs::create_dir_all(&directory).unwrap();
    fs::copy(module(), format!("{directory}/mecai_openssl.so")).unwrap();
    directory
}

/// An /etc with these settings of the provider.
fn etc(world: &World, settings: &str) -> Overlay {
    let etc = Overlay::over(world, "/etc");
    fs::write(etc.file("mecai/module.cnf"), settings).unwrap();
    etc
}

/// The section that a client needs, with these lines.
fn section(world: &World, lines: &str) -> String {
    let (list, log) = (world.path("list.json"), world.path("log"));
    format!("[mecai]\nauthorities = {list}\nauthorities_keys = {}\nlog = {log}\n{lines}\n", world.list_key)
}

#[test]
fn a_provider_reads_its_own_file() {
    let world = World::new();
    let bare = world.server(&world.site("site", &[HOST]), &["-www"]);
    let modules = provider_path(&world);
    let client = |settings: &str| {
        let mut command = etc(&world, settings).command("openssl");
        command.args(["s_client", "-provider-path", &modules, "-provider", "default", "-provider", "mecai_openssl"]);
        command.args(["-verify_return_error", "-servername", HOST, "-CAfile", &world.path("root.pem"), "-connect"]);
        command.arg(format!("127.0.0.1:{}", bare.port)).env("OPENSSL_CONF", "/dev/null").stdin(Stdio::null());
        said(&command.output().unwrap())
    };
    let refused = client(&section(&world, ""));
    assert!(refused.contains("no_voucher"), "{refused}");
    let observed = client(&section(&world, "mode = observe"));
    assert!(observed.contains("Verification: OK"), "{observed}");
    let broken = client("[other]\nmode = off\n");
    assert!(broken.contains("there is no section [mecai]"), "{broken}");
}
