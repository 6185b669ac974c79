//! How the module gets into a program, and what it does where it should do nothing.

use std::fs;
use std::process::{Command, Output};

use crate::world::{HOST, Server, Vouched, World, answer, said};

/// A client in C, linked in some way to OpenSSL: connects, verifies the host, and prints what came of it.
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
    SSL_set_tlsext_host_name(ssl, "www.shop.example");
    BIO_set_conn_hostname(bio, argv[2]);
    int done = BIO_do_connect(bio) > 0 && BIO_do_handshake(bio) > 0;
    printf("%s %ld\n", done ? "connected" : "refused", SSL_get_verify_result(ssl));
    BIO_free_all(bio);
    SSL_CTX_free(context);
    return 0;
}
"#;

fn build(world: &World, name: &str, arguments: &[&str]) -> String {
    let source = world.path("client.c");
    fs::write(&source, CLIENT).unwrap();
    world.cc(name, &source, arguments)
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
    let source = world.path("unload.c");
    fs::write(
        &source,
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
    let program = world.cc("unload", &source, &["-lssl", "-lcrypto"]);
    let output = Command::new(&program).env("OPENSSL_CONF", &config).output().unwrap();
    assert!(output.status.success(), "{:?} {}", output.status, said(&output));
}
