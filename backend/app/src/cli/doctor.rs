//! `orlop doctor`: what the host offers and lacks.

use std::io::Write as _;
use std::process::ExitCode;

use orlop_model::probe::{Finding, Verdict};

/// Prints the findings; the exit code is 1 when something that Orlop cannot do without is missing.
///
/// # Errors
/// If standard output is closed.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let findings = orlop_linux::probe::all();
    std::io::stdout().write_all(render(&findings).as_bytes())?;
    let fit = !findings
        .iter()
        .any(|f| f.required && f.verdict == Verdict::Missing);
    Ok(if fit {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn render(findings: &[Finding]) -> String {
    let width = findings.iter().map(|f| f.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Ok => "ok     ",
            Verdict::Limited => "limited",
            Verdict::Missing => "MISSING",
        };
        text.push_str(&format!(
            "{mark}  {:width$}  {}\n",
            finding.name, finding.detail
        ));
        if let Some(remedy) = &finding.remedy {
            text.push_str(&format!("         {:width$}  -> {remedy}\n", ""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lack_is_followed_by_its_remedy() {
        let finding = |verdict, remedy: Option<&str>| Finding {
            name: "overlayfs".to_owned(),
            verdict,
            detail: "not in the kernel".to_owned(),
            remedy: remedy.map(ToOwned::to_owned),
            required: true,
        };
        let text = render(&[finding(Verdict::Missing, Some("modprobe overlay"))]);
        assert_eq!(
            text,
            "MISSING  overlayfs  not in the kernel\n                    -> modprobe overlay\n"
        );
    }
}
