//! The socket that is listened at.

use super::Error;
use std::net::{SocketAddr, TcpListener};

/// Listens at an address.
///
/// # Errors
/// If it is taken or not this machine's.
pub(super) fn listener(at: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(at).map_err(|cause| Error::Listen { at, cause })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
