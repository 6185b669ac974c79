# What people call. `make demo` and `make test` do all the set-up that they need.

CARGO ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
# Of the C libraries: dev builds them as the tests do.
PROFILE ?= release

MECAI := target/release/mecai
MODULE := target/release/mecai_openssl.so

.PHONY: demo test test-long bench build packages install install-libraries uninstall clean

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
	wheel=$$(bindings/python/wheel.sh) && PATH="$(CURDIR)/target/test-path" target/release/mecai-bench \
		--module $(MODULE) --wheel "$$wheel" --output target/bench/summary.json

build:
	$(CARGO) build --locked --release --package mecai-services
	bindings/openssl-plugin/link.sh release

packages:
	packaging/install-debian-packages.sh

install: build install-libraries
	install -D -m 0755 $(MECAI) $(DESTDIR)$(PREFIX)/bin/mecai
	install -D -m 0755 $(MODULE) $(DESTDIR)$(LIBDIR)/mecai/mecai_openssl.so
	install -d $(DESTDIR)$(PREFIX)/share/mecai
	sed 's|@LIBDIR@|$(LIBDIR)|' packaging/openssl.cnf.in > $(DESTDIR)$(PREFIX)/share/mecai/openssl.cnf
	chmod 0644 $(DESTDIR)$(PREFIX)/share/mecai/openssl.cnf
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/share/mecai/hooks packaging/hooks/certbot-deploy packaging/hooks/lego-renew

# The C libraries alone, with headers and what pkg-config reads.
install-libraries: export PREFIX := $(PREFIX)
install-libraries: export LIBDIR := $(LIBDIR)
install-libraries: export DESTDIR := $(DESTDIR)
install-libraries:
	packaging/install-library.sh mecai mecai.h $(PROFILE)
	packaging/install-library.sh mecai_openssl mecai_openssl.h $(PROFILE)

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/mecai
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(foreach name,mecai mecai_openssl,lib$(name).a lib$(name).so lib$(name).so.*))
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/pkgconfig/,mecai.pc mecai-openssl.pc)
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/include/,mecai.h mecai_openssl.h)
	rm -rf $(DESTDIR)$(LIBDIR)/mecai $(DESTDIR)$(PREFIX)/share/mecai

clean:
	$(CARGO) clean
