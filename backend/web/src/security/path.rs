//! Where a form may send the browser on to: places of this console only.

/// The path and query if it is one of ours: absolute, and not another host in disguise
/// (`//host`, `/\host`, and what browsers make of tabs and line breaks).
pub(crate) fn local_path(text: &str) -> Option<&str> {
    let mut bytes = text.bytes();
    let ours = bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && text.len() <= 2048
        && text.bytes().all(|b| b > b' ' && b != 0x7f && b.is_ascii());
    ours.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_never_leads_to_another_host() {
        for good in ["/", "/containers?state=running&page=2", "/images/a%20b"] {
            assert_eq!(local_path(good), Some(good));
        }
        for bad in [
            "",
            "containers",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x",
            "/é",
        ] {
            assert_eq!(local_path(bad), None, "{bad:?}");
        }
    }
}
