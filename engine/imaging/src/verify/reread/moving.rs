//! Files that may have several frames read again, every frame of them.

use std::io::Cursor;

use image_webp::{LoopCount, WebPDecoder};

use super::{CUT_SHORT, Reread, unreadable};
use crate::colour;
use crate::ops::frame_of;
use crate::verify::coarse::Coarse;

pub(in crate::verify) fn png(bytes: &[u8], frames: usize) -> Result<Reread, String> {
    const END: [u8; 12] = [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];
    if !bytes.ends_with(&END) {
        return Err(CUT_SHORT.into());
    }
    let mut reader = png::Decoder::new(Cursor::new(bytes))
        .read_info()
        .map_err(unreadable)?;
    let size = reader.info().size();
    let pixel = reader.info().bytes_per_pixel();
    let loops = reader.info().animation_control().map(|control| control.num_plays);
    let mut read = Vec::new();
    for _ in 0..frames {
        let mut pixels = vec![0; reader.output_buffer_size().ok_or("is too large")?];
        let info = reader.next_frame(&mut pixels).map_err(unreadable)?;
        if (info.width, info.height) != size {
            return Err("has a frame of another size".into());
        }
        if pixel == 8 {
            for number in pixels.as_chunks_mut::<2>().0 {
                number.reverse();
            }
        }
        let control = reader.info().frame_control;
        let delay = control.map_or(0, |control| {
            u32::from(control.delay_num) * 1000 / u32::from(control.delay_den).max(1)
        });
        read.push((Coarse::of(&frame_of(size.0, size.1, pixel, pixels)), delay));
    }
    reader.finish().map_err(unreadable)?;
    Ok(Reread {
        size,
        frames: read,
        loops,
    })
}

/// Frames that are alike have become one.
pub(super) fn webp(mut decoder: WebPDecoder<Cursor<&[u8]>>) -> Result<Reread, String> {
    let size = decoder.dimensions();
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let length = decoder.output_buffer_size().ok_or("is too large")?;
    let mut frames = Vec::new();
    for _ in 0..decoder.num_frames() {
        let mut pixels = vec![0; length];
        let delay = decoder.read_frame(&mut pixels).map_err(unreadable)?;
        frames.push((Coarse::of(&frame_of(size.0, size.1, channels, pixels)), delay));
    }
    if frames.is_empty() {
        return Err("has no frames".into());
    }
    let loops = match decoder.loop_count() {
        LoopCount::Forever => 0,
        LoopCount::Times(times) => times.get().into(),
    };
    Ok(Reread {
        size,
        frames,
        loops: Some(loops),
    })
}

pub(in crate::verify) fn gif(bytes: &[u8], frames: usize) -> Result<Reread, String> {
    if bytes.last() != Some(&b';') {
        return Err(CUT_SHORT.into());
    }
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    options.check_frame_consistency(true);
    let mut decoder = options.read_info(bytes).map_err(unreadable)?;
    let size = (u32::from(decoder.width()), u32::from(decoder.height()));
    let mut read = Vec::new();
    while let Some(frame) = decoder.read_next_frame().map_err(unreadable)? {
        if (frame.width.into(), frame.height.into()) != size {
            return Err("has a frame of another size".into());
        }
        let pixels = colour::frame8(size.0, size.1, 4, frame.buffer.to_vec());
        read.push((Coarse::of(&pixels), u32::from(frame.delay) * 10));
    }
    if read.len() != frames {
        return Err(format!("has {} frames, not {frames}", read.len()));
    }
    // The extension counts repetitions after the first time.
    let loops = match decoder.repeat() {
        gif::Repeat::Infinite => 0,
        gif::Repeat::Finite(again) => u32::from(again) + 1,
    };
    Ok(Reread {
        size,
        frames: read,
        loops: (frames > 1).then_some(loops),
    })
}
