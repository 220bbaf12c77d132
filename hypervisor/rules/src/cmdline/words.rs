//! Cutting a command line into words, each a name with or without a value.

/// One word of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// The word as it stands on the line, quotes included: for messages.
    pub text: &'a str,
    /// What is left of the first `=`, or the whole word.
    pub name: &'a str,
    /// What is right of the first `=`, without quotes around it.
    pub value: Option<&'a str>,
}

/// Cuts `line` at blanks.
///
/// Double quotes keep blanks together (`name="a b"` or `"name=a b"`); Xen has no
/// quoting, and no option of Xen's contains a quote, so nothing is lost by it.
/// A quote that is never closed reaches to the end of the line.
pub fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = line;
    core::iter::from_fn(move || {
        rest = rest.trim_start_matches(is_blank);
        if rest.is_empty() {
            return None;
        }
        let mut quoted = false;
        let end = rest
            .find(|c| {
                quoted ^= c == '"';
                !quoted && is_blank(c)
            })
            .unwrap_or(rest.len());
        let (text, tail) = rest.split_at(end);
        rest = tail;
        Some(word(text))
    })
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\0')
}

fn word(text: &str) -> Word<'_> {
    let bare = if text.starts_with('"') {
        unquote(text)
    } else {
        text
    };
    match bare.split_once('=') {
        Some((name, value)) => Word {
            text,
            name,
            value: Some(unquote(value)),
        },
        None => Word {
            text,
            name: bare,
            value: None,
        },
    }
}

fn unquote(text: &str) -> &str {
    let text = text.strip_prefix('"').unwrap_or(text);
    text.strip_suffix('"').unwrap_or(text)
}

/// Whether two option names are the same: `-` and `_` are one letter, as in Xen.
pub fn same_name(a: &str, b: &str) -> bool {
    let fold = |c: u8| if c == b'_' { b'-' } else { c };
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| fold(a) == fold(b))
}
