//! How large an original may be, judged from its header before anything is allocated; and the host's ceilings.

use serde::{Deserialize, Serialize};

/// Bytes of linear memory that one call of a plugin gets at most, whatever a pipeline or a manifest says.
pub const MAX_PLUGIN_MEMORY: u64 = 512 << 20;

/// Bytes of a pipeline file at most.
pub const MAX_PIPELINE: u64 = 1 << 20;

/// A pipeline may set others than the defaults, below the server's ceilings.
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

impl InputLimits {
    /// For pictures whose size is known only once a plugin has decoded them. Says what is too large.
    pub fn check_size(&self, width: u32, height: u32) -> Result<(), String> {
        let (side, pixels) = (width.max(height), u64::from(width) * u64::from(height));
        let (found, limit, name) = if side > self.max_side {
            (u64::from(side), u64::from(self.max_side), "max_side")
        } else if pixels > self.max_pixels {
            (pixels, self.max_pixels, "max_pixels")
        } else {
            return Ok(());
        };
        Err(format!(
            "the decoded picture is {width}x{height}; {found} is more than the {limit} that `input.{name}` allows"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::InputLimits;

    #[test]
    fn sizes_up_to_the_limits_pass() {
        let limits = InputLimits {
            max_side: 100,
            max_pixels: 5_000,
            ..InputLimits::default()
        };
        assert_eq!(limits.check_size(100, 50), Ok(()));
        assert!(limits.check_size(101, 1).unwrap_err().contains("input.max_side"));
        assert!(
            limits
                .check_size(100, 51)
                .unwrap_err()
                .contains("input.max_pixels")
        );
    }
}
