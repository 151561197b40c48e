//! `--security-opt`: what names a file here is read here, since the engine reads no files of ours.

use anyhow::Context as _;

/// Options as the engine takes them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SecurityOptions {
    /// `SecurityOpt`.
    pub(crate) options: Vec<String>,
    /// Show all of `/proc` and `/sys`.
    pub(crate) unmasked: bool,
}

/// Translates; `read` reads a file.
pub(crate) fn translate(
    options: &[String],
    read: impl Fn(&str) -> std::io::Result<String>,
) -> anyhow::Result<SecurityOptions> {
    let mut all = SecurityOptions::default();
    for option in options {
        match option.split_once('=') {
            Some(("systempaths", "unconfined")) => all.unmasked = true,
            Some(("seccomp", file)) if !matches!(file, "unconfined" | "builtin") => {
                let text = read(file)
                    .with_context(|| format!("--security-opt seccomp: reading {file}"))?;
                all.options.push(format!("seccomp={text}"));
            }
            _ => all.options.push(option.clone()),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_and_the_rest_passed_on() {
        let words = [
            "seccomp=a.json",
            "seccomp=unconfined",
            "systempaths=unconfined",
            "x",
        ];
        let read = |file: &str| match file {
            "a.json" => Ok("{}".to_owned()),
            _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        };
        let all = translate(&words.map(str::to_owned), read).expect("valid");
        assert_eq!(all.options, ["seccomp={}", "seccomp=unconfined", "x"]);
        assert!(all.unmasked);
        assert!(translate(&["seccomp=b.json".to_owned()], read).is_err());
    }
}
