//! Decoded pixels, and pictures made of one or more frames of them.
//!
//! Pixel buffers are shared and never change once a frame is made, so cloning a frame is free and steps
//! that do not depend on each other may read the same one on several threads.

use std::sync::Arc;

use bytes::Bytes;

/// One still image. All pixels are sRGB unless the picture carries a profile.
#[derive(Debug, Clone)]
pub struct Frame {
    pub width: u32,
    pub height: u32,
    pub pixels: Pixels,
    /// How much of the pixel grid the picture covers, where that is less than all of it: libjpeg rounds
    /// the size of a scaled decode up, so 1001 pixels at 1/2 give 501 with an extent of 500.5.
    pub extent: Option<(f64, f64)>,
}

/// Rows from the top, no padding between them, channels interleaved, alpha straight.
#[derive(Debug, Clone)]
pub enum Pixels {
    Gray8(Bytes),
    Rgb8(Bytes),
    Rgba8(Bytes),
    /// Little-endian 16-bit numbers.
    Rgba16(Bytes),
    /// As a JPEG stores them: full-range BT.601, chroma perhaps subsampled.
    Ycc(Arc<Planes>),
}

/// The three planes of a JPEG; the luma plane has the frame's size.
#[derive(Debug)]
pub struct Planes {
    pub y: Vec<u8>,
    pub cb: Vec<u8>,
    pub cr: Vec<u8>,
    /// Size of a chroma plane: the frame's, divided by the subsampling and rounded up.
    pub chroma_width: u32,
    pub chroma_height: u32,
}

impl Frame {
    pub fn new(width: u32, height: u32, pixels: Pixels) -> Self {
        let frame = Self {
            width,
            height,
            pixels,
            extent: None,
        };
        debug_assert_eq!(frame.bytes(), frame.expected_bytes());
        frame
    }

    /// Memory held by the pixels.
    pub fn bytes(&self) -> usize {
        match &self.pixels {
            Pixels::Gray8(b) | Pixels::Rgb8(b) | Pixels::Rgba8(b) | Pixels::Rgba16(b) => b.len(),
            Pixels::Ycc(p) => p.y.len() + p.cb.len() + p.cr.len(),
        }
    }

    pub fn pixel_count(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn expected_bytes(&self) -> usize {
        let pixels = self.width as usize * self.height as usize;
        match &self.pixels {
            Pixels::Gray8(_) => pixels,
            Pixels::Rgb8(_) => pixels * 3,
            Pixels::Rgba8(_) => pixels * 4,
            Pixels::Rgba16(_) => pixels * 8,
            Pixels::Ycc(p) => pixels + 2 * p.chroma_width as usize * p.chroma_height as usize,
        }
    }
}

/// What flows from step to step: a still, or an animation.
#[derive(Debug, Clone)]
pub struct Picture {
    /// At least one; all of the same size.
    pub frames: Vec<Frame>,
    /// How long each frame shows, in milliseconds; empty for a still.
    pub delays: Vec<u32>,
    /// How often an animation plays; 0 is for ever.
    pub loops: u32,
    pub metadata: Metadata,
    /// Pixels were missing from the original and have been made up.
    pub salvaged: bool,
}

/// What the original carried besides pixels and a rendition may `keep`.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// The ICC profile that the pixels are in; `None` is sRGB.
    pub icc: Option<Bytes>,
    /// A raw TIFF-structured EXIF block without a thumbnail, its orientation 1 unless the pixels are as stored.
    pub exif: Option<Bytes>,
}

impl Picture {
    pub fn still(frame: Frame) -> Self {
        Self {
            frames: vec![frame],
            delays: Vec::new(),
            loops: 0,
            metadata: Metadata::default(),
            salvaged: false,
        }
    }

    /// The first frame.
    pub fn first(&self) -> &Frame {
        &self.frames[0]
    }

    pub fn is_animated(&self) -> bool {
        self.frames.len() > 1
    }

    /// The same picture with each frame replaced.
    pub fn try_map<E>(&self, change: impl FnMut(&Frame) -> Result<Frame, E>) -> Result<Self, E> {
        let frames = self.frames.iter().map(change).collect::<Result<_, E>>()?;
        Ok(Self {
            frames,
            ..self.clone()
        })
    }
}
