//! What one call of a plugin may use. All of it at once; each limit ends in its own kind of failure.

use std::time::Duration;

/// The defaults fit any plugin that works in strips, on an image of any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Fuel for a call, whatever the size of the frame.
    pub fuel_base: u64,
    /// Fuel added for each pixel of the input; measured needs are 4 to 360.
    pub fuel_per_pixel: u64,
    /// Bytes of linear memory, all memories together.
    pub memory: u64,
    /// Wall clock.
    pub timeout: Duration,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Frames and builders alive at once.
    pub handles: u32,
    /// Bytes of pixels that the plugin may have the host make.
    pub frame_bytes: u64,
    pub log_lines: u32,
    pub log_bytes: u32,
    /// Bytes of metadata given to `emit`.
    pub emit_bytes: u32,
    /// Bytes that an encoder may give back.
    pub output_bytes: u64,
    /// Bytes of JSON that an analyzer may give back; as values they take thirty times that.
    pub analysis_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_base: 200_000_000,
            fuel_per_pixel: 2_000,
            memory: 64 << 20,
            timeout: Duration::from_secs(10),
            table_elements: 100_000,
            handles: 64,
            frame_bytes: 1 << 30,
            log_lines: 100,
            log_bytes: 16 << 10,
            emit_bytes: 64 << 10,
            output_bytes: 64 << 20,
            analysis_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// The whole budget for an input of this many pixels.
    pub(crate) fn fuel(&self, pixels: u64) -> u64 {
        self.fuel_base
            .saturating_add(self.fuel_per_pixel.saturating_mul(pixels))
    }
}
