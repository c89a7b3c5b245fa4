//! How large an original may be, judged from its header before anything is allocated; and the host's ceilings.

use serde::{Deserialize, Serialize};

/// Bytes of linear memory that one call of a plugin gets at most, whatever a pipeline or a manifest says.
pub const MAX_PLUGIN_MEMORY: u64 = 512 << 20;

/// The defaults are those of design/06; a pipeline may set others below the server's ceilings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputLimits {
    /// Size of the file in bytes.
    pub max_bytes: u64,
    /// Width times height of one frame.
    pub max_pixels: u64,
    /// Pixels on the longer side.
    pub max_side: u32,
    /// Frames of an animation.
    pub max_frames: u32,
    /// Width times height times frames.
    pub max_total_pixels: u64,
}

impl Default for InputLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_pixels: 100_000_000,
            max_side: 16_384,
            max_frames: 256,
            max_total_pixels: 400_000_000,
        }
    }
}
