//! Whether a file may be decoded, by what its header says.

use workflow::failure::{Failure, FailureKind};
use workflow::limits::InputLimits;

use super::Header;
use crate::sniff::InputType;

/// What the pixels of an original may take while they are decoded. An executor has 2 GiB; what is left is for
/// the steps that follow.
const MEMORY: u64 = 3 << 29;

impl Header {
    /// Whether a file of `bytes` bytes with this header may be decoded.
    ///
    /// # Errors
    /// `too-large`, naming the number, its limit and the key under `input:` that raises it.
    pub fn check(&self, bytes: u64, limits: &InputLimits) -> Result<(), Failure> {
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let pixels = width * height;
        let measures = [
            ("bytes", bytes, limits.max_bytes, "max_bytes"),
            (
                "pixels on its longer side",
                width.max(height),
                u64::from(limits.max_side),
                "max_side",
            ),
            ("pixels", pixels, limits.max_pixels, "max_pixels"),
            (
                "frames",
                u64::from(self.frames),
                u64::from(limits.max_frames),
                "max_frames",
            ),
            (
                "pixels over all frames",
                pixels.saturating_mul(u64::from(self.frames)),
                limits.max_total_pixels,
                "max_total_pixels",
            ),
        ];
        let Some((what, number, limit, key)) = measures.into_iter().find(|m| m.1 > m.2) else {
            return Ok(());
        };
        Err(Failure::new(
            FailureKind::TooLarge,
            format!(
                "the {} of {width}x{height} has {number} {what}, more than the limit of {limit}; raise `{key}` \
                 under `input:` to allow it",
                self.kind
            ),
        ))
    }

    /// Whether so many frames of the file can be decoded, at `1/denominator`, in the memory that there is.
    ///
    /// # Errors
    /// `too-large`, saying how much memory it would take and what would take less.
    pub(crate) fn check_memory(&self, frames: u32, denominator: u8) -> Result<(), Failure> {
        let needed = self.memory(frames.into(), denominator.into());
        if needed <= MEMORY {
            return Ok(());
        }
        let mut advice = vec!["make it smaller"];
        if frames > 1 {
            advice.push("decode one frame alone (`frames: first`)");
        }
        if self.depth > 8 {
            advice.push("store it with 8 bits a channel");
        }
        let (kind, width, height) = (self.kind, self.width, self.height);
        let frames = if frames > 1 {
            format!("{frames} frames of ")
        } else {
            String::new()
        };
        Err(Failure::new(
            FailureKind::TooLarge,
            format!(
                "the {kind} of {width}x{height} ({frames}{} channels of {} bits) needs about {} MB of memory to be \
                 decoded, more than the {} MB that there are for an original; {}",
                self.channels,
                self.depth,
                needed / 1_000_000,
                MEMORY / 1_000_000,
                advice.join(", or ")
            ),
        ))
    }

    /// Bytes that the pixels take at most while they are decoded: the frames that are handed on, and beside
    /// one of them what the codec and the conversions hold.
    fn memory(&self, frames: u64, denominator: u64) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let (channels, moving) = (u64::from(self.channels), self.frames > 1);
        let frame = match self.kind {
            // A canvas has 8 bits a channel.
            _ if moving => 4,
            _ if self.depth > 8 => 8,
            _ if self.cmyk => 3,
            _ => channels,
        };
        let ink = if self.cmyk { 4 } else { 0 };
        let codec = match self.kind {
            // The coefficients of all scans, whatever the scale.
            InputType::Jpeg if self.progressive => 2 * channels + ink,
            InputType::Jpeg => ink,
            // Stored frame, canvas, and the canvas as it was before.
            InputType::Png if moving && self.depth > 8 => 24,
            InputType::Png | InputType::Gif if moving => 12,
            InputType::Png if self.depth > 8 => 6,
            InputType::Png => 2,
            // The stored frame twice, with and without alpha, too.
            InputType::Webp if moving => 16,
            InputType::Webp => 5,
            InputType::Tiff => channels * u64::from(self.depth) / 8,
            InputType::Gif | InputType::Bmp | InputType::Ico | InputType::Qoi => 8,
            // Planes of 16 bits, once in the codec.
            InputType::Avif => 12,
        };
        let narrowed = if self.depth > 8 { 4 } else { 0 };
        let turned = if self.orientation > 1 { frame } else { 0 };
        let kept = (pixels * frame * frames).div_ceil(denominator * denominator);
        kept.saturating_add(pixels * codec.max(narrowed).max(turned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_says_which_key_to_raise() {
        let limits = InputLimits::default();
        let mut header = Header::plain(InputType::Png, 65_536, 65_536);
        let failure = header.check(100, &limits).unwrap_err();
        assert_eq!(failure.kind, FailureKind::TooLarge);
        assert!(
            failure.message.contains("65536") && failure.message.contains("`max_side`"),
            "{failure}"
        );
        header.width = 12_000;
        header.height = 12_000;
        assert!(
            header
                .check(100, &limits)
                .unwrap_err()
                .message
                .contains("`max_pixels`")
        );
        header.height = 8_000;
        assert_eq!(header.check(100, &limits), Ok(()));
        header.frames = 5;
        assert!(
            header
                .check(100, &limits)
                .unwrap_err()
                .message
                .contains("`max_total_pixels`")
        );
        header.frames = 257;
        assert!(
            header
                .check(100, &limits)
                .unwrap_err()
                .message
                .contains("`max_frames`")
        );
        assert!(
            header
                .check(65 << 20, &limits)
                .unwrap_err()
                .message
                .contains("`max_bytes`")
        );
    }

    #[test]
    fn channels_depth_and_frames_count_as_memory() {
        let plain = Header::plain(InputType::Png, 12_000, 8_000);
        let check = |change: fn(&mut Header)| {
            let mut header = plain.clone();
            change(&mut header);
            header.check(100, &InputLimits::default()).unwrap();
            header.check_memory(header.frames, 1)
        };
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|h| (h.channels, h.depth) = (4, 16)), Ok(()));
        let failure = check(|h| (h.kind, h.depth) = (InputType::Avif, 16)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::TooLarge);
        assert!(failure.message.contains("1920 MB") && failure.message.contains("8 bits a channel"));
        let failure = check(|h| (h.kind, h.frames) = (InputType::Gif, 4)).unwrap_err();
        assert!(failure.message.contains("`frames: first`"), "{failure}");
        let mut moving = plain.clone();
        moving.frames = 4;
        assert_eq!(moving.check_memory(1, 1), Ok(()));
        // No scale helps against the coefficients of a progressive file.
        let inks = |width| Header {
            channels: 4,
            cmyk: true,
            progressive: true,
            ..Header::plain(InputType::Jpeg, width, 16_000)
        };
        assert!(inks(8_000).check_memory(1, 8).is_ok() && inks(9_000).check_memory(1, 8).is_err());
    }
}
