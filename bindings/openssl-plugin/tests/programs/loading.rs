//! How the module gets into a program, and what it does where it should do nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::world::{HOST, Server, Vouched, World, answer, said};

#[test]
fn settings_that_cannot_be_read_refuse_clients_and_harm_no_server() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let info = world.serverinfo("info.pem", &answer(&[world.bundle(&Vouched::for_site(&site))]));
    let good = world.server(&site, &["-www", "-serverinfo", &info]);
    for (lines, problem) in [
        (vec![("modus", "require")], "unknown key \"modus\""),
        (vec![("mode", "strict")], "mode = strict: expected require, opportunistic, observe, off"),
        (vec![("authorities", "")], "authorities is missing"),
        (vec![("log", "/no/such/directory/log")], "log = /no/such/directory/log: No such file or directory"),
    ] {
        let config = world.write_config("client", &lines);
        let curl = world.curl(&config, &good, &[]);
        assert_eq!(curl.status.code(), Some(60), "{problem}");
        let told = format!("{}{}", world.take_log(), said(&curl));
        assert!(
            told.contains("client handshakes are refused, servers show no vouchers: ") && told.contains(problem),
            "{told}"
        );
        assert!(
            told.contains(&format!("refused {HOST}: configuration: the configuration could not be read: ")),
            "{told}"
        );
    }
    for section in ["path = MODULE\nmode = require\nmode = \n", "path = MODULE\n"] {
        let config =
            world.write_section("client", &section.replace("MODULE", crate::world::module().to_str().unwrap()));
        assert_eq!(world.curl(&config, &good, &[]).status.code(), Some(60), "{section}");
    }
    // The same file on a server: it serves, and says once what is wrong.
    let config = world.write_config("server", &[("modus", "require")]);
    let server = world.server_with(&site, &["-www"], Some(&config));
    for _ in 0..3 {
        let plain = world.curl("/dev/null", &server, &[]);
        assert_eq!(plain.status.code(), Some(0), "{}", said(&plain));
    }
    assert_eq!(world.take_log().matches("unknown key \"modus\"").count(), 1);
}

#[test]
fn excepted_programs_are_left_alone() {
    let world = World::new();
    let bare = world.server(&world.site("site", &[HOST]), &["-www"]);
    let config = world.write_config("client", &[("except", "wget, curl")]);
    assert_eq!(world.curl(&config, &bare, &[]).status.code(), Some(0));
    assert_eq!(world.take_log(), "");
    assert!(said(&world.s_client(&config, &bare, &["-servername", HOST])).contains("no_voucher"));
}

/// A client in C, linked in some way to OpenSSL: connects, verifies by `SSL_set1_host`, and prints what came of it.
const CLIENT: &str = r#"
#include <stdio.h>
#include <openssl/ssl.h>
#include <openssl/bio.h>
#ifdef OWN_CALLBACK
static int own(X509_STORE_CTX *store, void *argument) { (void)argument; return X509_verify_cert(store); }
#endif
int main(int argc, char **argv) {
    (void)argc;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_load_verify_locations(context, argv[1], NULL);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
#ifdef OWN_CALLBACK
    SSL_CTX_set_cert_verify_callback(context, own, NULL);
#endif
    BIO *bio = BIO_new_ssl_connect(context);
    SSL *ssl = NULL;
    BIO_get_ssl(bio, &ssl);
    SSL_set1_host(ssl, "www.shop.example");
    BIO_set_conn_hostname(bio, argv[2]);
    int done = BIO_do_connect(bio) > 0 && BIO_do_handshake(bio) > 0;
    printf("%s %ld\n", done ? "connected" : "refused", SSL_get_verify_result(ssl));
    BIO_free_all(bio);
    SSL_CTX_free(context);
    return 0;
}
"#;

fn build(world: &World, name: &str, arguments: &[&str]) -> String {
    let (source, program) = (world.path("client.c"), world.path(name));
    fs::write(&source, CLIENT).unwrap();
    let output =
        Command::new("cc").args(["-Wall", "-Werror", "-o", &program, &source]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    program
}

fn run(world: &World, program: &str, config: &str, server: &Server) -> Output {
    let mut command = Command::new(program);
    command.env("OPENSSL_CONF", config).arg(world.path("root.pem")).arg(format!("127.0.0.1:{}", server.port));
    command.output().unwrap()
}

#[test]
fn functions_come_from_the_openssl_that_called() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let config = world.write_config("client", &[]);
    let bare = world.server(&site, &["-www"]);
    let info = world.serverinfo("info.pem", &answer(&[world.bundle(&Vouched::for_site(&site))]));
    let good = world.server(&site, &["-www", "-serverinfo", &info]);
    let own = ["-Wl,-Bstatic", "-lssl", "-lcrypto", "-Wl,-Bdynamic", "-ldl", "-lpthread"];
    let shared = build(&world, "shared", &["-lssl", "-lcrypto"]);
    let visible = build(
        &world,
        "visible",
        &[&["-Wl,--whole-archive"][..], &own[..3], &["-Wl,--no-whole-archive"], &own[3..], &["-rdynamic"]].concat(),
    );
    let hidden = build(&world, "hidden", &own);
    for program in [&shared, &visible] {
        assert_eq!(said(&run(&world, program, &config, &good)).trim(), "connected 0", "{program}: {}", world.log());
        assert!(world.take_log().contains(&format!("accepted {HOST}")), "{program}");
        assert_eq!(said(&run(&world, program, &config, &bare)).trim(), "refused 50", "{program}: {}", world.log());
        assert!(world.take_log().contains("no_voucher"), "{program}");
    }
    // A private copy that hides its names is left alone, though the system's OpenSSL could be found beside it.
    let preloaded = |library: &str| {
        let mut command = Command::new(&hidden);
        command.env("OPENSSL_CONF", &config).env("LD_PRELOAD", library);
        said(&command.arg(world.path("root.pem")).arg(format!("127.0.0.1:{}", bare.port)).output().unwrap())
    };
    for library in ["", "libssl.so.3"] {
        assert_eq!(preloaded(library).trim(), "connected 0", "{library}");
        assert_eq!(world.take_log(), "");
    }
}

#[test]
fn a_program_that_verifies_by_itself_is_seen() {
    let world = World::new();
    let config = world.write_config("client", &[]);
    let bare = world.server(&world.site("site", &[HOST]), &["-www"]);
    let program = build(&world, "own", &["-DOWN_CALLBACK", "-lssl", "-lcrypto"]);
    assert_eq!(said(&run(&world, &program, &config, &bare)).trim(), "connected 0");
    assert_eq!(world.take_log().matches("the program verifies certificates by itself").count(), 1);
}

#[test]
fn unloading_the_configuration_leaves_the_callbacks_in_place() {
    let world = World::new();
    let config = world.write_config("client", &[]);
    let program = world.path("unload");
    fs::write(
        world.path("unload.c"),
        r#"
#include <openssl/conf.h>
#include <openssl/ssl.h>
int main(void) {
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    for (int round = 0; round < 3; round++) {
        SSL_CTX_free(SSL_CTX_new(TLS_client_method()));
        CONF_modules_unload(1);
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        if (!SSL_CTX_has_client_custom_ext(context, 0xFF4D)) return 2;
        SSL_free(SSL_dup(SSL_new(context)));
        SSL_CTX_free(context);
        if (CONF_modules_load_file(NULL, NULL, 0) <= 0) return 3;
    }
    return 0;
}
"#,
    )
    .unwrap();
    let built =
        Command::new("cc").args(["-o", &program, &world.path("unload.c"), "-lssl", "-lcrypto"]).output().unwrap();
    assert!(built.status.success(), "{}", said(&built));
    let output = Command::new(&program).env("OPENSSL_CONF", &config).output().unwrap();
    assert!(output.status.success(), "{:?} {}", output.status, said(&output));
}

/// A provider reads one fixed file, so the test gives the program an /etc of its own.
#[test]
fn a_provider_reads_its_own_file() {
    let world = World::new();
    let bare = world.server(&world.site("site", &[HOST]), &["-www"]);
    let modules = world.directory.path().join("modules");
    fs::create_dir(&modules).unwrap();
    fs::copy(crate::world::module(), modules.join("mecai_openssl.so")).unwrap();
    let etc = world.directory.path().join("mecai");
    fs::create_dir(&etc).unwrap();
    let client = |settings: &str| {
        fs::write(etc.join("module.cnf"), settings).unwrap();
        let mount =
            if Path::new("/etc/mecai").exists() { "true" } else { "mount -t tmpfs none /etc && mkdir /etc/mecai" };
        let script = format!(
            "{mount} && mount --bind {} /etc/mecai && exec openssl s_client -provider-path {} -provider default -provider \
             mecai_openssl -CAfile {} -verify_return_error -servername {HOST} -connect 127.0.0.1:{}",
            etc.display(),
            modules.display(),
            world.path("root.pem"),
            bare.port,
        );
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).env("OPENSSL_CONF", "/dev/null");
        said(&command.stdin(std::process::Stdio::null()).output().unwrap())
    };
    let keys = format!("authorities = {}\nauthorities_keys = {}\n", world.path("list.json"), world.list_key);
    let refused = client(&format!("[mecai]\n{keys}"));
    assert!(refused.contains("no_voucher"), "{refused}");
    let observed = client(&format!("[mecai]\nmode = observe\n{keys}"));
    assert!(observed.contains("Verification: OK"), "{observed}");
    let broken = client("[other]\nmode = off\n");
    assert!(broken.contains("there is no section [mecai]"), "{broken}");
}
