//! API versions: the prefix of a path, and what is spoken here.

use hyper::StatusCode;

use crate::error::ApiError;

/// The newest version.
pub(crate) const NEWEST: Version = Version(1, 47);
/// The oldest version.
pub(crate) const OLDEST: Version = Version(1, 24);

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u16, u16);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Takes the version off the front of a path; the newest when there is none.
pub(crate) fn split(path: &str) -> Result<(Version, &str), ApiError> {
    let Some((prefix, rest)) = path.strip_prefix("/v").and_then(|p| {
        let end = p.find('/')?;
        Some((&p[..end], &p[end..]))
    }) else {
        return Ok((NEWEST, path));
    };
    let Some((major, minor)) = prefix.split_once('.') else {
        return Ok((NEWEST, path));
    };
    let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) else {
        return Ok((NEWEST, path));
    };
    let version = Version(major, minor);
    let refuse = |text: String| Err(ApiError::new(StatusCode::BAD_REQUEST, text));
    if version > NEWEST {
        return refuse(format!(
            "client version {version} is too new. Maximum supported API version is {NEWEST}"
        ));
    }
    if version < OLDEST {
        return refuse(format!(
            "client version {version} is too old. Minimum supported API version is {OLDEST}, please upgrade your client to a newer version"
        ));
    }
    Ok((version, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_taken_off() {
        let read = |path| {
            split(path)
                .map(|(v, rest)| (v.to_string(), rest))
                .map_err(|_| ())
        };
        assert_eq!(read("/v1.41/_ping"), Ok(("1.41".to_owned(), "/_ping")));
        assert_eq!(read("/volumes"), Ok((NEWEST.to_string(), "/volumes")));
        assert_eq!(read("/v1.12/_ping"), Err(()));
        assert_eq!(read("/v9.0/_ping"), Err(()));
    }
}
