//! Streams on a connection: Docker's multiplexed frames, and connections taken over.

pub(crate) mod hijack;
pub(crate) mod stdcopy;
