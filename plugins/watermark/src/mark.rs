//! The mark: a small RGBA picture of the text, its shadow and the image, sized and turned.

use stopbath_plugin::prelude::*;

use crate::params::{self, Effect, Params};
use crate::picture;
use crate::text::{Coverage, Text};

/// Pixels at most, so that the mark and what it is made from fit the sandbox's memory.
const MOST: f32 = 2_000_000.0;
/// With both, the picture is this much higher than the text, and this far away in heights of the text.
const PICTURE_HEIGHT: f32 = 1.6;
const GAP: f32 = 0.5;

/// RGBA, not premultiplied.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pixels: Vec<[u8; 4]>,
}

/// The mark for an image of this size.
pub(crate) fn make(params: &Params, width: u32, height: u32, margin: u32) -> Result<Mark, Error> {
    let size = params::length("size", &params.size, width)?.max(1) as f32;
    let colors = [
        params::color("color", &params.color)?,
        params::color("effect_color", &params.effect_color)?,
    ];
    let text = if params.text.is_empty() {
        None
    } else {
        Some(Text::new(&params.text)?)
    };
    let picture = if params.image.is_empty() {
        None
    } else {
        Some(picture::decode(&params.image)?)
    };
    let picture_aspect = picture
        .as_ref()
        .map(|frame| frame.width() as f32 / frame.height() as f32);
    let text_aspect = text.as_ref().map(Text::aspect);

    // Proportions in units of the text's height, or of the picture's when it stands alone.
    let (wide, high) = match (picture_aspect, text_aspect) {
        (None, None) => return Err(Error::InvalidParams("`text` or `image` is needed".to_owned())),
        (Some(picture), None) => (picture, 1.0),
        (None, Some(text)) => (text, 1.0),
        (Some(picture), Some(text)) => (picture * PICTURE_HEIGHT + GAP + text, PICTURE_HEIGHT),
    };
    let room = |whole: u32| whole.saturating_sub(2 * margin).max(1) as f32;
    let unit = (size / wide)
        .min(room(width) / wide)
        .min(room(height) / high)
        .min((MOST / (wide * high)).sqrt());

    let tall = if text.is_some() { unit * high } else { unit };
    let picture = picture.map(|frame| shrunk(&frame, tall)).transpose()?;
    let text = text.map(|text| lettering(&text.draw(unit * text.aspect()), params.effect, colors));
    let mark = match (picture, text) {
        (Some(picture), Some(text)) => beside(&picture, &text, (unit * GAP) as u32),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Err(Error::InvalidParams("`text` or `image` is needed".to_owned())),
    };
    Ok(mark.turned(params.angle).faded(params.opacity))
}

/// The picture at a height.
fn shrunk(frame: &Frame, height: f32) -> Result<Mark, Error> {
    let scale = height / frame.height() as f32;
    let side = |length: u32| (length as f32 * scale).round().max(1.0) as u32;
    let small = frame.resize(side(frame.width()), side(frame.height()), Resample::CatmullRom)?;
    let pixels = small.read(small.info().bounds())?.as_chunks::<4>().0.to_vec();
    Ok(Mark {
        width: small.width(),
        height: small.height(),
        pixels,
    })
}

/// Text in the first colour, over its shadow or outline in the second.
fn lettering(text: &Coverage, effect: Effect, [color, effect_color]: [[u8; 3]; 2]) -> Mark {
    let reach = if effect == Effect::None {
        0
    } else {
        (text.height / 24).max(1)
    };
    let text = padded(text, 3 * reach);
    let (drop, gain) = if effect == Effect::Shadow {
        (reach, 1)
    } else {
        (0, 4)
    };
    let soft = (0..2).fold(text.values.clone(), |values, _| {
        blurred(&values, text.width as usize, reach as usize)
    });
    let pixel = |at: usize| {
        let (x, y) = (at as u32 % text.width, at as u32 / text.width);
        let below = match (x.checked_sub(drop), y.checked_sub(drop)) {
            (Some(x), Some(y)) if effect != Effect::None => soft[(y * text.width + x) as usize],
            _ => 0,
        };
        let (above, below) = (u32::from(text.values[at]), (u32::from(below) * gain).min(255));
        let rest = below * (255 - above) / 255;
        let alpha = above + rest;
        let mixed = |channel: usize| {
            let sum = u32::from(color[channel]) * above + u32::from(effect_color[channel]) * rest;
            sum.checked_div(alpha).unwrap_or(0) as u8
        };
        [mixed(0), mixed(1), mixed(2), alpha as u8]
    };
    Mark {
        width: text.width,
        height: text.height,
        pixels: (0..text.values.len()).map(pixel).collect(),
    }
}

/// With clear pixels around.
fn padded(text: &Coverage, pad: u32) -> Coverage {
    let (width, height) = (text.width + 2 * pad, text.height + 2 * pad);
    let mut values = vec![0; (width * height) as usize];
    for (row, y) in text.values.chunks_exact(text.width as usize).zip(pad..) {
        let start = (y * width + pad) as usize;
        values[start..start + row.len()].copy_from_slice(row);
    }
    Coverage {
        width,
        height,
        values,
    }
}

/// The mean over a square of `2 * reach + 1` pixels.
fn blurred(values: &[u8], width: usize, reach: usize) -> Vec<u8> {
    if reach == 0 {
        return values.to_vec();
    }
    // Each pass blurs along rows and turns the picture over its diagonal.
    let pass = |values: &[u8], width: usize| {
        let height = values.len() / width;
        let mut out = vec![0; values.len()];
        for (y, row) in values.chunks_exact(width).enumerate() {
            let mut sum: u32 = row.iter().take(reach).map(|&value| u32::from(value)).sum();
            for x in 0..width {
                sum += row.get(x + reach).map_or(0, |&value| u32::from(value));
                out[x * height + y] = (sum / (2 * reach as u32 + 1)) as u8;
                sum -= x.checked_sub(reach).map_or(0, |x| u32::from(row[x]));
            }
        }
        out
    };
    pass(&pass(values, width), values.len() / width)
}

fn beside(left: &Mark, right: &Mark, gap: u32) -> Mark {
    let (width, height) = (left.width + gap + right.width, left.height.max(right.height));
    let mut mark = Mark {
        width,
        height,
        pixels: vec![[0; 4]; (width * height) as usize],
    };
    for (part, x) in [(left, 0), (right, left.width + gap)] {
        let top = (height - part.height) / 2;
        for line in 0..part.height {
            let start = ((top + line) * width + x) as usize;
            mark.pixels[start..start + part.width as usize].copy_from_slice(part.line(line as usize));
        }
    }
    mark
}

impl Mark {
    pub(crate) fn line(&self, line: usize) -> &[[u8; 4]] {
        let width = self.width as usize;
        &self.pixels[line * width..(line + 1) * width]
    }

    fn faded(mut self, opacity: f32) -> Self {
        self.pixels
            .iter_mut()
            .for_each(|pixel| pixel[3] = (f32::from(pixel[3]) * opacity + 0.5) as u8);
        self
    }

    /// Turned counter-clockwise around its centre, in the box that then holds it.
    fn turned(self, degrees: f32) -> Self {
        if degrees == 0.0 {
            return self;
        }
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (w, h) = (self.width as f32, self.height as f32);
        let width = (w * cos.abs() + h * sin.abs()).round().max(1.0);
        let height = (w * sin.abs() + h * cos.abs()).round().max(1.0);
        let mut pixels = Vec::with_capacity((width * height) as usize);
        for y in 0..height as u32 {
            for x in 0..width as u32 {
                let (dx, dy) = (x as f32 + 0.5 - width / 2.0, y as f32 + 0.5 - height / 2.0);
                pixels.push(self.sample(
                    dx * cos - dy * sin + w / 2.0 - 0.5,
                    dx * sin + dy * cos + h / 2.0 - 0.5,
                ));
            }
        }
        Self {
            width: width as u32,
            height: height as u32,
            pixels,
        }
    }

    /// Between four pixels; clear outside.
    fn sample(&self, x: f32, y: f32) -> [u8; 4] {
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let mut sum = [0.0; 4];
        for (dx, dy, weight) in [
            (0, 0, (1.0 - fx) * (1.0 - fy)),
            (1, 0, fx * (1.0 - fy)),
            (0, 1, (1.0 - fx) * fy),
            (1, 1, fx * fy),
        ] {
            let (x, y) = (left as i64 + dx, top as i64 + dy);
            if (0..i64::from(self.width)).contains(&x) && (0..i64::from(self.height)).contains(&y) {
                let pixel = self.line(y as usize)[x as usize].map(f32::from);
                let alpha = pixel[3] * weight;
                (0..3).for_each(|channel| sum[channel] += pixel[channel] * alpha);
                sum[3] += alpha;
            }
        }
        if sum[3] == 0.0 {
            return [0; 4];
        }
        [sum[0] / sum[3], sum[1] / sum[3], sum[2] / sum[3], sum[3]].map(|value| (value + 0.5) as u8)
    }
}

#[cfg(test)]
mod tests;
