"""Made by maturin from include/mecai.h and include/mecai_openssl.h; the functions are documented there."""

from typing import Any

ffi: Any
lib: Any
