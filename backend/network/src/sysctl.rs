//! Kernel parameters of the network namespace that the calling thread is in.

use std::fs;

use crate::kernel::NetworkError;

/// Makes `/proc/sys/net/ipv4/<name>` be `value`; tells whether it had to be changed.
pub(crate) fn ensure(name: &str, value: &'static str) -> Result<bool, NetworkError> {
    let path = format!("/proc/sys/net/ipv4/{name}");
    if fs::read_to_string(&path).is_ok_and(|now| now.trim() == value) {
        return Ok(false);
    }
    match fs::write(&path, value) {
        Ok(()) => Ok(true),
        Err(source) => Err(NetworkError::Sysctl {
            path,
            value,
            source,
        }),
    }
}
