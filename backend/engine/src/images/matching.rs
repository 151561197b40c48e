//! Which images a list shows.
//!
//! Pure.

use std::collections::BTreeSet;

use orlop_model::id::ImageId;
use orlop_model::image::{Image, ImageFilter};
use orlop_model::reference::Reference;

/// The images of `all` that the filter lets through, in their order.
pub(crate) fn matching(all: Vec<Image>, filter: &ImageFilter) -> Vec<Image> {
    let parents: BTreeSet<ImageId> = all
        .iter()
        .filter_map(|image| image.parent.clone())
        .collect();
    all.into_iter()
        .filter(|image| is_shown(image, filter, &parents))
        .collect()
}

fn is_shown(image: &Image, filter: &ImageFilter, parents: &BTreeSet<ImageId>) -> bool {
    let is_dangling = image.tags.is_empty();
    let is_intermediate = is_dangling && parents.contains(&image.id);
    (filter.all || !is_intermediate)
        && filter.dangling.is_none_or(|wanted| wanted == is_dangling)
        && filter.label.iter().all(|label| has_label(image, label))
        && (filter.reference.is_empty()
            || filter
                .reference
                .iter()
                .any(|pattern| has_name(image, pattern)))
        && filter
            .text
            .as_deref()
            .is_none_or(|text| mentions(image, text))
}

fn has_label(image: &Image, label: &str) -> bool {
    let labels = &image.defaults.labels;
    match label.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
        None => labels.contains_key(label),
    }
}

fn has_name(image: &Image, pattern: &str) -> bool {
    let names = image.tags.iter().chain(&image.digests);
    names.into_iter().any(|name| {
        is_match(pattern, &name.familiar()) || is_match(pattern, &name.familiar_repository())
    })
}

fn mentions(image: &Image, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let mut names = image.tags.iter().map(Reference::familiar);
    names.any(|name| name.contains(&text)) || image.id.as_str().contains(&text)
}

/// Go's `path.Match`: `*` and `?` stop at `/`, `[a-z]` and `[^a-z]` are classes, `\` escapes.
pub(crate) fn is_match(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    // Where to go on after the last star, should what follows it not fit.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, read));
            at += 1;
            continue;
        }
        if at == pattern.len() && read == text.len() {
            return true;
        }
        if let Some(next) = text
            .get(read)
            .and_then(|letter| one(&pattern[at..], *letter))
        {
            at += next;
            read += 1;
            continue;
        }
        match star {
            Some((after, from)) if text.get(from).is_some_and(|letter| *letter != '/') => {
                star = Some((after, from + 1));
                at = after + 1;
                read = from + 1;
            }
            _ => return false,
        }
    }
}

/// How many letters of the pattern match this one letter; nothing when they do not.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    match pattern.first()? {
        '?' => (letter != '/').then_some(1),
        '\\' => (pattern.get(1)? == &letter).then_some(2),
        '[' => class(&pattern[1..], letter).map(|length| length + 1),
        other => (*other == letter).then_some(1),
    }
}

/// The length of a class, without its `[`, if it holds the letter.
fn class(pattern: &[char], letter: char) -> Option<usize> {
    let negated = pattern.first() == Some(&'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        let low = *pattern.get(at)?;
        if low == ']' {
            return (found != negated).then_some(at + 1);
        }
        let high = if pattern.get(at + 1) == Some(&'-') && pattern.get(at + 2) != Some(&']') {
            at += 2;
            *pattern.get(at)?
        } else {
            low
        };
        found |= (low..=high).contains(&letter);
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_gos_do() {
        for (pattern, text, fits) in [
            ("debian", "debian", true),
            ("debian", "debian:12", false),
            ("deb*", "debian:12", true),
            ("*", "team/app", false),
            ("*/*", "team/app:1", true),
            ("*/app:?", "team/app:1", true),
            ("[a-d]ebian", "debian", true),
            ("[^a-c]ebian", "debian", true),
            ("[^a-d]ebian", "debian", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("", "", true),
            ("", "x", false),
            ("[", "[", false),
            ("?", "/", false),
            ("**", "abc", true),
        ] {
            assert_eq!(is_match(pattern, text), fits, "{pattern} {text}");
        }
    }

    fn image(seed: u8, tags: &[&str], parent: Option<u8>) -> Image {
        let id = |seed| ImageId::from_sha256([seed; 32]);
        Image {
            id: id(seed),
            tags: tags
                .iter()
                .map(|tag| tag.parse().expect("reference"))
                .collect(),
            digests: vec![],
            created_at: None,
            size: 0,
            layers: vec![],
            defaults: orlop_model::image::ImageDefaults {
                labels: [("tier".to_owned(), format!("{seed}"))].into(),
                ..Default::default()
            },
            history: vec![],
            architecture: String::new(),
            os: String::new(),
            author: String::new(),
            parent: parent.map(id),
        }
    }

    fn shown(filter: ImageFilter) -> Vec<u8> {
        let all = vec![
            image(1, &["debian"], None),
            image(2, &[], None),
            image(3, &["team/app:v2"], Some(2)),
            image(4, &[], None),
        ];
        let left = matching(all, &filter);
        left.iter()
            .map(|image| image.id.as_str().as_bytes()[8] - b'0')
            .collect()
    }

    #[test]
    fn each_filter_narrows_the_list() {
        let none = ImageFilter::default;
        assert_eq!(shown(none()), [1, 3, 4]);
        assert_eq!(
            shown(ImageFilter {
                all: true,
                ..none()
            }),
            [1, 2, 3, 4]
        );
        assert_eq!(
            shown(ImageFilter {
                dangling: Some(true),
                ..none()
            }),
            [4]
        );
        assert_eq!(
            shown(ImageFilter {
                dangling: Some(false),
                ..none()
            }),
            [1, 3]
        );
        assert_eq!(
            shown(ImageFilter {
                label: vec!["tier=3".into()],
                ..none()
            }),
            [3]
        );
        assert_eq!(
            shown(ImageFilter {
                label: vec!["tier".into()],
                ..none()
            }),
            [1, 3, 4]
        );
        let names = vec!["team/*".into(), "nothing".into()];
        assert_eq!(
            shown(ImageFilter {
                reference: names,
                ..none()
            }),
            [3]
        );
        assert_eq!(
            shown(ImageFilter {
                text: Some("DEB".into()),
                ..none()
            }),
            [1]
        );
    }
}
