//! The boxes of an AVIF file: that they fill the file exactly, and that they tell the right size.

/// Says what is wrong, as the end of a sentence.
pub(super) fn check(bytes: &[u8], size: (u32, u32)) -> Result<(), String> {
    let top = boxes(bytes)?;
    let is_avif = top
        .first()
        .is_some_and(|(name, body)| name == b"ftyp" && body.starts_with(b"avif"));
    if !is_avif {
        return Err("does not start as one".into());
    }
    let data = find(&top, *b"mdat")?;
    // `meta` has a version and flags before its boxes.
    let meta = boxes(find(&top, *b"meta")?.get(4..).unwrap_or_default())?;
    let properties = boxes(find(&boxes(find(&meta, *b"iprp")?)?, *b"ipco")?)?;
    let told = find(&properties, *b"ispe")?;
    let side = |at: usize| {
        told.get(at..)
            .and_then(|rest| rest.first_chunk())
            .map(|part| u32::from_be_bytes(*part))
    };
    match (side(4), side(8)) {
        (Some(width), Some(height)) if (width, height) != size => Err(format!(
            "has {width} x {height} pixels, not {} x {}",
            size.0, size.1
        )),
        (Some(_), Some(_)) if !data.is_empty() => Ok(()),
        _ => Err("has no picture in it".into()),
    }
}

type Boxes<'a> = Vec<([u8; 4], &'a [u8])>;

/// All boxes of a part of the file, which they must fill.
fn boxes(mut bytes: &[u8]) -> Result<Boxes<'_>, String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let parsed = bytes.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = u32::from_be_bytes(*length) as usize;
            let (name, _) = rest.split_first_chunk::<4>()?;
            Some((*name, bytes.get(8..length)?, bytes.get(length..)?))
        });
        let (name, body, rest) = parsed.ok_or("is cut short")?;
        found.push((name, body));
        bytes = rest;
    }
    Ok(found)
}

fn find<'a>(boxes: &Boxes<'a>, name: [u8; 4]) -> Result<&'a [u8], String> {
    let found = boxes.iter().find(|(other, _)| *other == name);
    found
        .map(|(_, body)| *body)
        .ok_or_else(|| format!("has no `{}`", String::from_utf8_lossy(&name)))
}
