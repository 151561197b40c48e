//! Random bytes from the kernel.

use crate::EngineError;

/// 32 random bytes.
///
/// # Errors
/// If the kernel has none to give, which happens only before its generator is seeded.
pub(crate) fn bytes32() -> Result<[u8; 32], EngineError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| EngineError::internal(format!("no random bytes: {error}")))?;
    Ok(bytes)
}
