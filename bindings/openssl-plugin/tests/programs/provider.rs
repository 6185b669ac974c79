//! The module as an OpenSSL provider. A provider reads one fixed file, so each program gets an /etc of its own.

use std::fs;
use std::process::{Command, Stdio};

use crate::daemons::{Daemon, certificate_and_key, haproxy_by};
use crate::overlay::Overlay;
use crate::world::{HOST, Server, Site, Vouched, World, module, said};

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

/// HAProxy with these providers: TLS on both sides, with this back end.
fn balancer(world: &World, site: &Site, back_end: &Server, settings: &str, providers: &[&str]) -> Daemon {
    let lines: Vec<String> = providers.iter().map(|provider| format!("    ssl-provider {provider}\n")).collect();
    let global = format!("    ssl-provider-path {}\n{}", provider_path(world), lines.concat());
    let sections = format!(
        "frontend f\n    bind 127.0.0.1:PORT ssl crt {}\n    default_backend b\n\
         backend b\n    retries 0\n    server s 127.0.0.1:{} ssl verify required ca-file {} sni str({HOST}) verifyhost {HOST}\n",
        certificate_and_key(site).display(),
        back_end.port,
        world.path("root.pem"),
    );
    haproxy_by(etc(world, settings).command("haproxy"), world, "haproxy", &global, &sections, None)
}

#[test]
fn haproxy_serves_and_judges_with_the_module_as_a_provider() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let vouchers = world.path("vouchers");
    world.store(&vouchers, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let (good, bare) = (world.showing(&site, &Vouched::for_site(&site), &[]), world.server(&site, &["-www"]));
    let client = world.write_config("client", &[("log", "off")]);
    // The exit status of a client that judges, and the answer to one that does not.
    let visit = |back_end: &Server, lines: &str, providers: &[&str]| {
        let settings = section(&world, &format!("vouchers = {vouchers}\n{lines}"));
        let balancer = balancer(&world, &site, back_end, &settings, providers);
        let status = world.curl_to(&client, balancer.port, &[]).status.code().unwrap();
        let answer = world.curl_to("/dev/null", balancer.port, &["--stderr", "-", "-w", "%{http_code}"]);
        (status, String::from_utf8(answer.stdout).unwrap(), world.take_log())
    };
    // In any order, and alone: HAProxy has used the default provider before it reads these lines.
    for providers in [&["mecai_openssl", "default"][..], &["default", "mecai_openssl"], &["mecai_openssl"]] {
        let (status, answer, log) = visit(&good, "", providers);
        assert_eq!((status, answer.as_str()), (0, "200"), "{providers:?}: {log}");
        assert!(log.contains(&format!("mecai: accepted {HOST}: ")), "{log}");
    }
    let both = ["mecai_openssl", "default"];
    let (status, answer, log) = visit(&bare, "", &both);
    assert_eq!((status, answer.as_str()), (0, "503"), "serves, and refuses its back end: {log}");
    assert!(log.contains(&format!("mecai: refused {HOST}: no_voucher: ")), "{log}");
    let (status, answer, log) = visit(&bare, "except = nginx, haproxy", &both);
    assert_eq!((status, answer.as_str(), log.as_str()), (60, "200", ""), "neither serves nor judges");
    let (status, answer, _) = visit(&good, "role = client", &both);
    assert_eq!((status, answer.as_str()), (60, "200"), "judges, and does not serve");
}

/// What OpenSSL lists of itself.
const LISTS: [&[&str]; 6] = [
    &["list", "-digest-algorithms"],
    &["list", "-cipher-algorithms"],
    &["list", "-signature-algorithms"],
    &["list", "-key-exchange-algorithms"],
    &["list", "-kdf-algorithms"],
    &["list", "-providers", "-verbose"],
];

/// Explicit loading of any provider keeps OpenSSL from loading the default one by itself: its rule, not the module's.
#[test]
fn a_provider_switches_nothing_else_on_or_off() {
    let world = World::new();
    let modules = provider_path(&world);
    let etc = etc(&world, &section(&world, ""));
    for list in LISTS {
        let given = |providers: &[&str]| {
            let mut command = etc.command("openssl");
            command.args(list).args(["-provider-path", &modules]).env("OPENSSL_CONF", "/dev/null");
            for provider in providers {
                command.args(["-provider", provider]);
            }
            let output = command.output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{list:?}: {}", said(&output));
            String::from_utf8(output.stdout).unwrap()
        };
        let default = given(&["default"]);
        assert!(default.len() > 100, "{list:?}: {default}");
        let (with, alone) = (given(&["default", "mecai_openssl"]), given(&["mecai_openssl"]));
        if list.contains(&"-providers") {
            let own = with.strip_prefix(&default).unwrap();
            let title = format!(
                "  mecai_openssl\n    name: MECAI: vouchers for TLS\n    version: {}\n    status: active\n",
                env!("CARGO_PKG_VERSION")
            );
            assert!(own.starts_with(&title), "{with}");
            assert_eq!(alone, format!("Providers:\n{own}"));
        } else {
            assert_eq!(with, default, "{list:?}");
            assert_eq!(alone, given(&["null"]), "{list:?}: as with any other provider alone");
        }
    }
}

#[test]
fn a_configuration_module_switches_nothing_else_on_or_off() {
    let world = World::new();
    let config = world.write_config("client", &[]);
    for list in LISTS.into_iter().chain([&["ciphers", "-s", "-v"][..], &["version", "-a"]]) {
        let given = |config: &str| {
            let output = Command::new("openssl").args(list).env("OPENSSL_CONF", config).output().unwrap();
            assert!(output.status.success() && output.stdout.len() > 100, "{list:?}: {}", said(&output));
            said(&output)
        };
        assert_eq!(given(&config), given("/dev/null"), "{list:?}");
    }
    assert_eq!(world.log(), "");
}
