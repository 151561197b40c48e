//! What the files of an upload are, by their names alone. Pure.

/// Longest path of a file in a context.
const PATH_MAX_LEN: usize = 4096;

/// What a file is when it comes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A context in itself.
    Archive,
    /// A Dockerfile by its name.
    Dockerfile,
    /// Anything else: a Dockerfile under another name when it stays alone.
    Other,
}

/// What a file of this name is when it comes alone.
pub(crate) fn kind_of(name: &str) -> Kind {
    const ARCHIVES: [&str; 10] = [
        ".tar", ".tar.gz", ".tgz", ".zip", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2",
        ".tbz2",
    ];
    let lower = name.to_ascii_lowercase();
    if lower == "dockerfile" || lower == "containerfile" {
        return Kind::Dockerfile;
    }
    if !name.contains('/') && ARCHIVES.iter().any(|end| lower.ends_with(end)) {
        return Kind::Archive;
    }
    Kind::Other
}

/// The path in the context of a file that was sent in this field under this name. A folder picker
/// (field `folder`) puts the chosen folder's name before every path; it stands for its content.
///
/// # Errors
/// Says what is wrong with the name.
pub(crate) fn context_path(field: &str, name: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{name:?} cannot be uploaded: {why}"));
    if name.len() > PATH_MAX_LEN {
        return wrong("its path is too long");
    }
    if name.starts_with('/') {
        return wrong("its path is absolute");
    }
    if name.chars().any(char::is_control) {
        return wrong("its name has control characters");
    }
    let mut parts: Vec<&str> = name.split('/').filter(|part| *part != ".").collect();
    if parts.iter().any(|part| part.is_empty() || *part == "..") {
        return wrong("its path leads out of the folder");
    }
    if field == "folder" && parts.len() > 1 {
        parts.remove(0);
    }
    if parts.is_empty() {
        return wrong("it has no name");
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_folder_stands_for_its_content() {
        assert_eq!(
            context_path("folder", "app/src/a.py"),
            Ok("src/a.py".to_owned())
        );
        assert_eq!(context_path("files", "src/a.py"), Ok("src/a.py".to_owned()));
        assert_eq!(context_path("files", "./a"), Ok("a".to_owned()));
        assert_eq!(
            context_path("files", "ünïcode name"),
            Ok("ünïcode name".to_owned())
        );
    }

    #[test]
    fn no_name_leads_out_of_the_context() {
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/../../x",
            "/etc/passwd",
            "a//b",
            "a/",
            "a\nb",
            "a\0b",
        ] {
            assert!(context_path("files", bad).is_err(), "{bad:?}");
            assert!(
                context_path("folder", &format!("f/{bad}")).is_err() || bad == ".",
                "{bad:?}"
            );
        }
    }

    #[test]
    fn archives_are_told_from_dockerfiles() {
        for (name, kind) in [
            ("app.tar.gz", Kind::Archive),
            ("APP.ZIP", Kind::Archive),
            ("Dockerfile", Kind::Dockerfile),
            ("Containerfile", Kind::Dockerfile),
            ("Dockerfile.prod", Kind::Other),
            ("app/data.tar", Kind::Other),
            ("server.py", Kind::Other),
        ] {
            assert_eq!(kind_of(name), kind, "{name}");
        }
    }
}
