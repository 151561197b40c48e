//! Tokens of forms: made at random, compared in constant time. Pure but for the random source.

use subtle::ConstantTimeEq as _;

use crate::error::Problem;

/// 256 random bits in hex.
pub(super) fn random() -> Result<String, Problem> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the kernel gives no random bytes");
        Problem::of_status(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(hex::encode(bytes))
}

/// Whether a form carries the token it must carry.
///
/// # Errors
/// If it does not.
pub(super) fn check(expected: &str, given: Option<&str>) -> Result<(), Problem> {
    let same = given.is_some_and(|given| {
        !expected.is_empty() && given.as_bytes().ct_eq(expected.as_bytes()).into()
    });
    if same {
        return Ok(());
    }
    Err(Problem::forbidden(
        "This form has expired, or did not come from this console. Go back, reload the page and \
         try again.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_of_this_session_passes() {
        let token = random().expect("random");
        assert_eq!(token.len(), 64);
        assert!(check(&token, Some(&token)).is_ok());
        let foreign = random().expect("random");
        for (expected, given) in [
            (token.as_str(), None),
            (&token, Some("")),
            (&token, Some(foreign.as_str())),
            (&token, Some(&token[..63])),
            ("", Some("")),
            ("", None),
        ] {
            assert!(check(expected, given).is_err(), "{expected:?} {given:?}");
        }
    }
}
