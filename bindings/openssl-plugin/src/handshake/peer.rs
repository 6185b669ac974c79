//! The address of the server at the other end of a connection's socket.

use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::openssl::{SSL, Ssl};

/// The peer's address; none where the program moves the octets itself (curl, Node, asyncio), or for another socket.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `functions` are of.
pub(crate) unsafe fn address(functions: &Ssl, ssl: *const SSL) -> Option<IpAddr> {
    // SAFETY: as the caller says.
    let descriptor = unsafe { functions.SSL_get_fd(ssl) };
    if descriptor < 0 {
        return None;
    }
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: the system writes at most `length` octets; zeros are a valid value of the rest.
    let storage = unsafe {
        if libc::getpeername(descriptor, storage.as_mut_ptr().cast(), &raw mut length) != 0 {
            return None;
        }
        storage.assume_init()
    };
    let address = match c_int_family(&storage) {
        libc::AF_INET => {
            // SAFETY: the family says that this is what was written; the storage is large and aligned enough.
            let v4 = unsafe { &*(&raw const storage).cast::<libc::sockaddr_in>() };
            IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*(&raw const storage).cast::<libc::sockaddr_in6>() };
            IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr))
        }
        _ => return None,
    };
    Some(mecai::host::plain_address(address))
}

fn c_int_family(storage: &libc::sockaddr_storage) -> libc::c_int {
    libc::c_int::from(storage.ss_family)
}
