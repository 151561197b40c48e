//! The part of the form about system calls, labels and what is masked. Pure.

use orlop_model::confinement::Confinement;
use orlop_model::seccomp::Profile;
use orlop_model::spec::Seccomp;

use super::Errors;
use super::container::{ContainerForm, is_on, text};

/// The system call filter.
pub(super) fn seccomp(form: &ContainerForm, errors: &mut Errors) -> Seccomp {
    match (form.seccomp.as_str(), text(&form.seccomp_profile)) {
        ("unconfined", _) => Seccomp::Unconfined,
        // Who pastes a profile means it.
        (_, Some(profile)) => match Profile::parse(&profile) {
            Ok(profile) => Seccomp::Custom(Box::new(profile)),
            Err(error) => {
                errors.add("seccomp_profile", error.to_string());
                Seccomp::Default
            }
        },
        ("custom", None) => {
            errors.add(
                "seccomp_profile",
                "Paste the profile, in Docker's JSON form",
            );
            Seccomp::Default
        }
        (_, None) => Seccomp::Default,
    }
}

/// Labels and masks.
pub(super) fn confinement(form: &ContainerForm, errors: &mut Errors) -> Confinement {
    let mut confinement = Confinement {
        apparmor: text(&form.apparmor),
        ..Confinement::default()
    };
    if let Err(error) = confinement.check() {
        errors.add("apparmor", error.to_string());
    }
    if is_on(&form.unmasked) {
        confinement.unmask();
    }
    confinement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(seccomp: &str, profile: &str) -> ContainerForm {
        ContainerForm {
            seccomp: seccomp.to_owned(),
            seccomp_profile: profile.to_owned(),
            ..ContainerForm::default()
        }
    }

    #[test]
    fn a_profile_is_read_and_what_is_wrong_is_said() {
        let mut errors = Errors::default();
        let own = r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#;
        let mut read = |form: &ContainerForm| seccomp(form, &mut errors);
        assert_eq!(read(&form("", "")), Seccomp::Default);
        assert_eq!(read(&form("unconfined", "")), Seccomp::Unconfined);
        assert!(matches!(read(&form("custom", own)), Seccomp::Custom(_)));
        assert!(errors.is_empty());
        seccomp(&form("custom", "{"), &mut errors);
        assert!(errors.of("seccomp_profile").contains("line 1"));
        let mut errors = Errors::default();
        seccomp(&form("custom", ""), &mut errors);
        assert!(!errors.of("seccomp_profile").is_empty());
    }
}
