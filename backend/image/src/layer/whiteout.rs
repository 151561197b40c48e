//! The names by which a layer says that something below it is gone (OCI image specification,
//! "Layer: whiteouts").

/// The prefix of every reserved name.
pub const PREFIX: &[u8] = b".wh.";
/// The name that hides everything that lower layers have in its directory.
pub const OPAQUE: &[u8] = b".wh..wh..opq";
/// Prefix of names that one old storage driver left in archives; they carry no content.
const AUFS_PREFIX: &[u8] = b".wh..wh.";

/// What a name in a layer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whiteout<'a> {
    /// An object of its own.
    No,
    /// The object of this name in lower layers is gone.
    Remove(&'a [u8]),
    /// Nothing of this directory in lower layers is seen.
    Opaque,
    /// Book-keeping of a storage driver: to be left out.
    Ignore,
}

impl<'a> Whiteout<'a> {
    /// Reads the last part of a path.
    #[must_use]
    pub fn of(name: &'a [u8]) -> Self {
        match name.strip_prefix(PREFIX) {
            None => Self::No,
            Some(_) if name == OPAQUE => Self::Opaque,
            Some(_) if name.starts_with(AUFS_PREFIX) => Self::Ignore,
            Some(b"" | b"." | b"..") => Self::Ignore,
            Some(gone) => Self::Remove(gone),
        }
    }

    /// The name that removes `name` from lower layers.
    #[must_use]
    pub fn name_for(name: &[u8]) -> Vec<u8> {
        [PREFIX, name].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        assert_eq!(Whiteout::of(b"file"), Whiteout::No);
        assert_eq!(Whiteout::of(b".who"), Whiteout::No);
        assert_eq!(Whiteout::of(b".wh.file"), Whiteout::Remove(b"file"));
        assert_eq!(Whiteout::of(b".wh..hidden"), Whiteout::Remove(b".hidden"));
        assert_eq!(Whiteout::of(b".wh..wh..opq"), Whiteout::Opaque);
        assert_eq!(Whiteout::of(b".wh..wh.plnk"), Whiteout::Ignore);
        for odd in [&b".wh."[..], b".wh..", b".wh..."] {
            assert_eq!(Whiteout::of(odd), Whiteout::Ignore);
        }
        assert_eq!(Whiteout::name_for(b"x"), b".wh.x");
    }
}
