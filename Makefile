# What people call. `make demo` and `make test` do all the set-up that they need.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=

MECAI := target/release/mecai
MODULE := target/release/mecai_openssl.so

.PHONY: demo test test-long bench build packages install clean

# The whole story on real programs. SPOIL=n spoils step n, and the demo must end there.
demo: packages build
	$(MECAI) lab demo --module $(MODULE) $(if $(SPOIL),--spoil $(SPOIL))

test: packages
	tests/run.sh

# What takes long: the full demo, many handshakes.
test-long: packages build
	tests/run.sh long

bench: packages build
	$(CARGO) build --locked --release --package mecai-bench
	packaging/test-path.sh "$(CURDIR)/target/test-path"
	PATH="$(CURDIR)/target/test-path" target/release/mecai-bench --module $(MODULE) --output target/bench/summary.json

build:
	$(CARGO) build --locked --release --package mecai-services
	bindings/openssl-plugin/link.sh release

packages:
	packaging/install-debian-packages.sh

install: build
	install -D -m 0755 $(MECAI) $(DESTDIR)$(PREFIX)/bin/mecai
	install -D -m 0755 $(MODULE) $(DESTDIR)$(PREFIX)/lib/mecai/mecai_openssl.so
	install -d $(DESTDIR)$(PREFIX)/share/mecai
	sed 's|@PREFIX@|$(PREFIX)|' packaging/openssl.cnf.in > $(DESTDIR)$(PREFIX)/share/mecai/openssl.cnf
	chmod 0644 $(DESTDIR)$(PREFIX)/share/mecai/openssl.cnf
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/share/mecai/hooks packaging/hooks/certbot-deploy packaging/hooks/lego-renew

clean:
	$(CARGO) clean
