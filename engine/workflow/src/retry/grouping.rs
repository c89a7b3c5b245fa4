//! Which dead letters died of the same thing.
//!
//! Messages name sizes, digests, paths and texts that differ from one original to the next. The *gist* of a message
//! leaves these out; what is left is the same for the same fault. Rough is good enough: a group too many or too few
//! loses nothing.

use crate::{failure::Failure, key};

/// A gist says enough within so many bytes; what a plugin adds in its last words may be long.
const LONGEST: usize = 300;

/// 16 hex digits over pipeline, step, kind and the gist of the message.
pub fn fingerprint(pipeline: &str, failure: &Failure) -> String {
    let step = failure.step.as_deref().unwrap_or_default();
    let gist = gist(&failure.message);
    let mut hash = key::hash("dead-letter", &[pipeline, step, failure.kind.name(), &gist]);
    hash.truncate(16);
    hash
}

/// The message without numbers, digests, quoted texts and paths.
pub(super) fn gist(message: &str) -> String {
    let mut gist = String::new();
    let (mut rest, mut before) = (message.trim(), ' ');
    while let Some(first) = rest.chars().next().filter(|_| gist.len() < LONGEST) {
        let (taken, put) = piece(rest, first, before);
        gist.push_str(put);
        before = rest[..taken].chars().next_back().unwrap_or(' ');
        rest = &rest[taken..];
    }
    gist
}

/// How many bytes the next piece takes, and what the gist says for it.
fn piece(rest: &str, first: char, before: char) -> (usize, &str) {
    let fresh = !before.is_alphanumeric();
    if first.is_whitespace() {
        return (rest.len() - rest.trim_start().len(), " ");
    }
    if let Some(end) = quoted(rest, first, fresh) {
        return (end, "<text>");
    }
    if let Some(end) = path(rest).filter(|_| fresh) {
        return (end, "<path>");
    }
    if let Some(end) = uuid(rest).or_else(|| id(rest)).filter(|_| fresh) {
        return (end, "#");
    }
    if first == '-' && fresh && digits(&rest[1..]) > 0 {
        return (1, "");
    }
    if first.is_ascii_digit() {
        return (number(rest), "#");
    }
    let length = first.len_utf8();
    (length, &rest[..length])
}

fn quoted(rest: &str, first: char, fresh: bool) -> Option<usize> {
    let close = match first {
        '`' | '"' => first,
        '“' => '”',
        // Otherwise it is an apostrophe.
        '\'' if fresh => '\'',
        _ => return None,
    };
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        let apostrophe = c == '\'' && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        if c == close && !apostrophe {
            return Some(at + c.len_utf8());
        }
        if c == '\\' {
            chars.next();
        }
    }
    None
}

/// `/var/lib/x`, `./x`, `~/x`, `https://host/x`, `a/b/c`, `C:\x`; not `image/jpeg`.
fn path(rest: &str) -> Option<usize> {
    let end = rest.find(|c: char| c.is_whitespace() || "\"'`()<>[]{},;".contains(c));
    let word = rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', ':', '!', '?']);
    let starts = ["/", "./", "../", "~/"].iter().any(|s| word.starts_with(s));
    let holds = word.contains("://") || word.contains(":\\") || word.matches('/').count() > 1;
    (word.len() > 1 && (starts || holds)).then_some(word.len())
}

fn uuid(rest: &str) -> Option<usize> {
    let candidate = rest.get(..36)?;
    let fits = candidate.char_indices().all(|(at, c)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    });
    fits.then_some(36)
}

/// A digest, an address or a request's id: hexadecimal with digits in it, or long and full of digits.
fn id(rest: &str) -> Option<usize> {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
    let word = &rest[..end.unwrap_or(rest.len())];
    let hex = word.strip_prefix("0x").unwrap_or(word);
    let is_hex = hex.chars().all(|c| c.is_ascii_hexdigit());
    let numbers = hex.chars().filter(char::is_ascii_digit).count();
    let addressed = hex.len() < word.len() && !hex.is_empty();
    let mixed = numbers > 0 && numbers < hex.len() && hex.len() >= 4;
    let hexadecimal = is_hex && (addressed || mixed || (numbers == 0 && hex.len() >= 16));
    (hexadecimal || (word.len() >= 20 && numbers >= 4)).then_some(word.len())
}

/// `12`, `1.5`, `1,024`, `1.2.3`; a full stop after it stays.
fn number(rest: &str) -> usize {
    let mut end = digits(rest);
    while let Some(tail) = rest[end..].strip_prefix(['.', ',']) {
        let more = digits(tail);
        if more == 0 {
            break;
        }
        end += 1 + more;
    }
    end
}

fn digits(text: &str) -> usize {
    text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len()
}
