//! Bytes of an original made into a picture.
//!
//! The header is judged first; then one reader by kind gives frames as stored, and what all kinds have
//! in common follows here: colours to sRGB, 16 bits to 8, the turn by orientation, metadata. Any damage
//! refuses the file unless the pipeline asks for salvage.

mod av1;
mod avif;
mod canvas;
#[doc(hidden)]
pub mod compare;
mod gif;
mod jpeg;
mod libjpeg;
pub(crate) mod libwebp;
mod notes;
mod png;
mod reduced;
mod scale;
mod simple;
mod tiff;
mod webp;

use bytes::Bytes;
use workflow::failure::{Failure, FailureKind};
use workflow::limits::InputLimits;
use workflow::op::{ColourTarget, Decode, Depth, Frames, OnCorrupt, Orient, Resize, Scale};

use crate::colour::icc::Profile;
use crate::colour::{to_gray8, to_rgb8, to_rgba8};
use crate::frame::{Frame, Metadata, Picture, Pixels};
use crate::header::{self, Header, Parsed};
use crate::sniff::InputType;
use crate::{metadata, orient};

/// What to decode for.
#[derive(Debug, Clone, Copy)]
pub struct DecodeRequest<'a> {
    pub params: &'a Decode,
    pub limits: &'a InputLimits,
    /// Every step and rendition that reads the decoded picture.
    pub consumers: &'a [Consumer<'a>],
    /// All of them can work on YCbCr planes.
    pub planes: bool,
}

/// One that reads the decoded picture.
#[derive(Debug, Clone, Copy)]
pub enum Consumer<'a> {
    Resize(&'a Resize),
    /// Needs every pixel.
    Full,
}

/// A picture, upright and (unless kept otherwise) sRGB.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub picture: Picture,
    pub header: Header,
    /// The scale of the decode: numerator and denominator.
    pub scale: (u8, u8),
    /// Sentences on what was done and why.
    pub notes: Vec<String>,
}

/// Decodes a whole file.
///
/// # Errors
/// `unsupported`, `too-large` by the header, `bad-input` for damage.
pub fn decode(bytes: &[u8], request: &DecodeRequest<'_>) -> Result<Decoded, Failure> {
    let parsed = header::parse(bytes)?;
    parsed.header.check(bytes.len() as u64, request.limits)?;
    let job = Job {
        bytes,
        parsed: &parsed,
        request,
        lenient: false,
    };
    job.check_memory()?;
    let raw = match read(&job) {
        Err(damage) if damage.kind == FailureKind::BadInput && may_salvage(request) => salvage(&job, damage)?,
        read => read?,
    };
    finish(&job, raw)
}

/// Decodes what was encoded here: as large as it was allowed to be made, it may be read.
pub(crate) fn decode_own(bytes: &[u8]) -> Result<Decoded, Failure> {
    let parsed = header::parse(bytes)?;
    let job = Job {
        bytes,
        parsed: &parsed,
        request: &DecodeRequest {
            params: &Decode::default(),
            limits: &InputLimits::default(),
            consumers: &[],
            planes: false,
        },
        lenient: false,
    };
    finish(&job, read(&job)?)
}

fn may_salvage(request: &DecodeRequest<'_>) -> bool {
    request.params.on_corrupt == OnCorrupt::Salvage
}

/// What can still be read of a file that is damaged so; marked in any case, because checks are off.
fn salvage(job: &Job<'_>, damage: Failure) -> Result<Raw, Failure> {
    let job = Job {
        lenient: true,
        ..*job
    };
    let Ok(mut raw) = read(&job) else {
        return Err(damage);
    };
    raw.salvaged.get_or_insert(damage.message);
    Ok(raw)
}

fn read(job: &Job<'_>) -> Result<Raw, Failure> {
    match job.header().kind {
        InputType::Jpeg => jpeg::decode(job),
        InputType::Png => png::decode(job),
        InputType::Webp => webp::decode(job),
        InputType::Gif => gif::decode(job),
        InputType::Tiff => tiff::decode(job),
        InputType::Bmp => simple::bmp(job),
        InputType::Ico => simple::ico(job),
        InputType::Qoi => simple::qoi(job),
        InputType::Avif => avif::decode(job),
    }
}

/// What the readers work from.
struct Job<'a> {
    bytes: &'a [u8],
    parsed: &'a Parsed<'a>,
    request: &'a DecodeRequest<'a>,
    /// Damage is put up with.
    lenient: bool,
}

/// What the readers give: frames as stored, not yet turned or converted.
struct Raw {
    frames: Vec<Frame>,
    delays: Vec<u32>,
    loops: u32,
    profile: Profile,
    denominator: u8,
    /// What was wrong, where it was put up with.
    salvaged: Option<String>,
    notes: Vec<String>,
}

impl Raw {
    fn still(frame: Frame, profile: Profile) -> Self {
        Self {
            frames: vec![frame],
            ..Self::empty(profile)
        }
    }

    /// To be filled with the frames of an animation.
    fn empty(profile: Profile) -> Self {
        Self {
            frames: Vec::new(),
            delays: Vec::new(),
            loops: 0,
            profile,
            denominator: 1,
            salvaged: None,
            notes: Vec::new(),
        }
    }
}

impl Job<'_> {
    fn header(&self) -> &Header {
        &self.parsed.header
    }

    /// Whether this is the second attempt at a file, after a strict one has failed.
    fn salvage(&self) -> bool {
        self.lenient
    }

    fn check_memory(&self) -> Result<(), Failure> {
        let frames = if self.first_only() {
            1
        } else {
            self.header().frames
        };
        let denominator = if self.header().kind == InputType::Jpeg {
            self.denominator()
        } else {
            1
        };
        self.header().check_memory(frames, denominator)
    }

    fn to_srgb(&self) -> bool {
        self.request.params.colour == ColourTarget::Srgb
    }

    fn first_only(&self) -> bool {
        self.request.params.frames == Frames::First
    }

    /// The orientation that is to be undone.
    fn orientation(&self) -> u8 {
        match self.request.params.orient {
            Orient::Exif => self.header().orientation,
            Orient::Ignore => 1,
        }
    }

    fn denominator(&self) -> u8 {
        match self.request.params.scale {
            Scale::Auto => scale::choose(self.header(), self.orientation(), self.request.consumers),
            Scale::Full => 1,
        }
    }
}

fn finish(job: &Job<'_>, raw: Raw) -> Result<Decoded, Failure> {
    let Raw {
        mut frames,
        delays,
        loops,
        profile,
        denominator,
        salvaged,
        mut notes,
    } = raw;
    let mut icc = None;
    if job.to_srgb() {
        notes.extend(profile.to_srgb(&mut frames, job.parsed.gray)?);
    } else {
        icc = profile.fitting(job.parsed.gray);
    }
    if job.request.params.depth == Depth::Eight {
        for frame in &mut frames {
            *frame = eight_bits(job.header(), frame);
        }
    }
    notes.extend(notes::only_the_first(job));
    let orientation = job.orientation();
    if orientation > 1 {
        for frame in &mut frames {
            *frame = orient::apply(frame, orientation);
        }
        notes.push(format!(
            "EXIF orientation {orientation}: {}",
            notes::turned(orientation)
        ));
    }
    if denominator > 1 {
        notes.push(notes::scaled(job, denominator));
    }
    if let Some(flaw) = &salvaged {
        notes.push(format!("damaged, and salvaged as far as it goes: {flaw}"));
    }
    let exif = exif(job).map(Bytes::from);
    let delays = if frames.len() > 1 { delays } else { Vec::new() };
    Ok(Decoded {
        picture: Picture {
            frames,
            delays,
            loops,
            metadata: Metadata { icc, exif },
            salvaged: salvaged.is_some(),
        },
        header: job.header().clone(),
        scale: (1, denominator),
        notes,
    })
}

/// The block to hand on, which says what holds of the pixels that are handed on.
fn exif(job: &Job<'_>) -> Option<Vec<u8>> {
    let mut block = match job.parsed.exif {
        None if job.header().kind == InputType::Tiff => metadata::of_tiff(job.bytes)?,
        exif => exif?.to_vec(),
    };
    metadata::drop_thumbnail(&mut block);
    // Pixels that stay as stored still have to be turned by whoever shows them.
    if job.request.params.orient == Orient::Exif {
        metadata::set_upright(&mut block);
    }
    Some(block)
}

/// 16 bits become 8 in the layout that the header promises.
fn eight_bits(header: &Header, frame: &Frame) -> Frame {
    match (&frame.pixels, header.channels) {
        (Pixels::Rgba16(_), _) if header.alpha => to_rgba8(frame),
        (Pixels::Rgba16(_), 1) => to_gray8(frame),
        (Pixels::Rgba16(_), _) => to_rgb8(frame),
        _ => frame.clone(),
    }
}

/// Little-endian bytes of 16-bit numbers.
fn little_endian(numbers: impl IntoIterator<Item = u16>) -> Bytes {
    numbers
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect::<Vec<u8>>()
        .into()
}
