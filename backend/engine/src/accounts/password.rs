//! What names and passwords must be. Pure.

use crate::EngineError;

/// Fewest characters of a password (NIST SP 800-63B asks for 8 at least).
const SHORTEST: usize = 10;
/// Most bytes of a password, so that hashing it is bounded work.
const LONGEST: usize = 1024;

/// The name without spaces around it.
///
/// # Errors
/// Names the field `name`.
pub(super) fn check_name(name: &str) -> Result<String, EngineError> {
    let name = name.trim();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(plain) {
        return Err(EngineError::field(
            "name",
            "a name has 1 to 64 letters, digits, '.', '_', '-' or '@'",
        ));
    }
    Ok(name.to_owned())
}

/// Whether a password will do.
///
/// # Errors
/// Names the field `password`.
pub(super) fn check_password(name: &str, password: &str) -> Result<(), EngineError> {
    let wrong = |message: &str| Err(EngineError::field("password", message));
    let mut kinds: Vec<char> = password.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if password.chars().count() < SHORTEST {
        wrong("the password needs at least 10 characters; several words are easy to remember")
    } else if password.len() > LONGEST {
        wrong("the password is longer than 1024 bytes")
    } else if kinds.len() < 4 {
        wrong("the password repeats too few characters")
    } else if password.to_lowercase().contains(&name.to_lowercase()) && name.len() > 3 {
        wrong("the password has the name in it")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused_with_a_reason() {
        for password in [
            "short",
            "aaaaaaaaaaaa",
            "abababababab",
            "xx-ada.lovelace-xx",
        ] {
            assert!(
                check_password("ada.lovelace", password).is_err(),
                "{password}"
            );
        }
        assert!(check_password("ada", "correct horse battery").is_ok());
    }

    #[test]
    fn names_are_trimmed_and_plain() {
        assert_eq!(check_name(" ada ").expect("valid"), "ada");
        for name in ["", "a b", "<script>", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
