//! The library inside the wheel. It has nothing of its own: it carries the C functions of libmecai and libmecai_openssl,
//! which Python calls as any C program would (include/mecai.h, include/mecai_openssl.h).

// To name a crate is what links its functions.
use mecai as _;
use mecai_openssl as _;
