//! What the bytes alone tell: most files that are no component, and those that were cut short, and where.

use super::{BUILD, LoadError, MAX_COMPONENT};

const MAX_BYTES: usize = MAX_COMPONENT as usize;
/// Magic number and version.
const HEADER: usize = 8;

pub(super) fn refuse(bytes: &[u8]) -> Result<(), LoadError> {
    let text = match bytes {
        [] => "the file is empty".to_owned(),
        _ if bytes.len() > MAX_BYTES => format!("it has {} bytes; {MAX_BYTES} are allowed", bytes.len()),
        [0x7f, b'E', b'L', b'F', ..] => {
            "it is native code (ELF), perhaps a precompiled .cwasm; upload the .wasm component itself"
                .to_owned()
        }
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => format!("it is a core module, not a component; {BUILD}"),
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => match cut_short(bytes) {
            Some(text) => text,
            None => return Ok(()),
        },
        [0, b'a', b's', b'm', ..] if bytes.len() < HEADER => {
            format!(
                "it is cut short: it ends at byte {}, within its header",
                bytes.len()
            )
        }
        [0, b'a', b's', b'm', ..] => "it is WebAssembly of a version that the host does not know".to_owned(),
        [b'(', ..] => "it is WebAssembly as text; upload the binary component".to_owned(),
        _ => format!("it is not WebAssembly; {BUILD}"),
    };
    Err(LoadError(text))
}

/// Whether the last section goes on past the end. The parser says so only of some sections, and not where.
fn cut_short(bytes: &[u8]) -> Option<String> {
    let whole = bytes.len();
    let mut at = HEADER;
    while at < whole {
        let Some((length, start)) = length(bytes, at + 1) else {
            return Some(format!(
                "it is cut short: it ends at byte {whole}, within the head of a section"
            ));
        };
        let end = start.saturating_add(length);
        if end > whole {
            return Some(format!(
                "it is cut short: it ends at byte {whole}, but the section at byte {at} goes on to byte {end}"
            ));
        }
        at = end;
    }
    None
}

/// A number in LEB128 of at most 32 bits, and where it ends. One that is malformed is left to the parser.
fn length(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    for (place, byte) in bytes.get(from..)?.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, from + place + 1));
        }
    }
    (bytes.len() >= from + 5).then_some((0, from + 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, then two custom sections of 2 and of 200 bytes.
    fn component() -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend([0, 2, 1, b'a']);
        bytes.extend([0, 0xc8, 1, 1, b'b']);
        bytes.resize(bytes.len() + 198, 0);
        bytes
    }

    #[test]
    fn whole_sections_pass() {
        refuse(&component()).unwrap();
        refuse(&component()[..12]).unwrap();
    }

    #[test]
    fn a_cut_is_told_with_its_place() {
        let text = |bytes: usize| refuse(&component()[..bytes]).unwrap_err().0;
        assert_eq!(text(6), "it is cut short: it ends at byte 6, within its header");
        assert_eq!(
            text(10),
            "it is cut short: it ends at byte 10, but the section at byte 8 goes on to byte 12"
        );
        assert_eq!(
            text(14),
            "it is cut short: it ends at byte 14, within the head of a section"
        );
        assert_eq!(
            text(100),
            "it is cut short: it ends at byte 100, but the section at byte 12 goes on to byte 215"
        );
    }

    #[test]
    fn too_much_is_told_with_both_sizes() {
        let text = refuse(&vec![0; MAX_BYTES + 1]).unwrap_err().0;
        assert_eq!(text, "it has 67108865 bytes; 67108864 are allowed");
    }
}
