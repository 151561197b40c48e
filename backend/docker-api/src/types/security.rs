//! `HostConfig.SecurityOpt`, both ways.

use orlop_model::request::HostRequest;
use orlop_model::seccomp::Profile;
use orlop_model::spec::Seccomp;

use crate::error::ApiError;

/// Takes one option; what is not known is refused.
pub(crate) fn apply(host: &mut HostRequest, option: &str) -> Result<(), ApiError> {
    let bad = |error: &dyn std::fmt::Display| ApiError::bad_request(error.to_string());
    // Old clients write a colon.
    let at = option.find(['=', ':']).unwrap_or(option.len());
    let (name, value) = (&option[..at], option.get(at + 1..).unwrap_or_default());
    match (name, value) {
        ("no-new-privileges", "" | "true") => host.no_new_privileges = true,
        ("no-new-privileges", "false") => host.no_new_privileges = false,
        ("seccomp", "unconfined") => host.seccomp = Seccomp::Unconfined,
        ("seccomp", "" | "builtin") => host.seccomp = Seccomp::Default,
        ("seccomp", text) => {
            let profile = Profile::parse(text).map_err(|error| bad(&error))?;
            host.seccomp = Seccomp::Custom(Box::new(profile));
        }
        ("apparmor", profile) if !profile.is_empty() => {
            host.confinement.apparmor = Some(profile.to_owned());
        }
        ("label", label) if !label.is_empty() => {
            host.confinement.label(label).map_err(|error| bad(&error))?;
        }
        ("systempaths", "unconfined") => host.confinement.unmask(),
        _ => {
            return Err(ApiError::bad_request(format!(
                "SecurityOpt {option:?} is not supported by Orlop"
            )));
        }
    }
    Ok(())
}

/// The options as inspect shows them.
pub(crate) fn options(host: &HostRequest) -> Option<Vec<String>> {
    let mut all = Vec::new();
    if host.no_new_privileges {
        all.push("no-new-privileges".to_owned());
    }
    match &host.seccomp {
        Seccomp::Default => {}
        Seccomp::Unconfined => all.push("seccomp=unconfined".to_owned()),
        Seccomp::Custom(profile) => {
            // Numbers, texts and lists always serialise.
            let text = serde_json::to_string(profile).unwrap_or_default();
            all.push(format!("seccomp={text}"));
        }
    }
    let confinement = &host.confinement;
    all.extend(confinement.apparmor.iter().map(|a| format!("apparmor={a}")));
    if let Some(label) = &confinement.selinux {
        let parts = [
            ("user", &label.user),
            ("role", &label.role),
            ("type", &label.kind),
            ("level", &label.level),
        ];
        let given = parts
            .into_iter()
            .filter_map(|(n, v)| Some((n, v.as_ref()?)));
        all.extend(given.map(|(name, value)| format!("label={name}:{value}")));
    }
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_shown() {
        let profile = r#"seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":null}"#;
        let options_in = [
            "no-new-privileges:true",
            profile,
            "apparmor=mine",
            "label=level:s0:c1",
        ];
        let mut host = HostRequest::default();
        for option in options_in {
            apply(&mut host, option).expect("known");
        }
        let shown = options(&host).expect("some");
        assert_eq!(shown.len(), 4);
        let mut again = HostRequest::default();
        for option in &shown {
            apply(&mut again, option).expect("known");
        }
        assert_eq!(again, host);
        assert_eq!(options(&HostRequest::default()), None);
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_place() {
        for (option, said) in [
            ("seccomp={\"defaultAction\":1}", "line 1 column"),
            ("seccomp=/etc/profile.json", "malformed"),
            ("label=colour:red", "invalid label option"),
            ("nope", "not supported"),
        ] {
            let error = apply(&mut HostRequest::default(), option).expect_err(option);
            assert!(format!("{error:?}").contains(said), "{error:?}");
        }
    }
}
