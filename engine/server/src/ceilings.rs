//! The options that say what no pipeline may exceed.

use clap::builder::RangedU64ValueParser;
use workflow::pipeline::{Bytes, Ceilings, Duration, Pixels};

/// Pipelines that ask for more are refused; what they leave out is lowered to this.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[expect(clippy::struct_field_names, reason = "the options are named after the fields")]
#[command(next_help_heading = "Ceilings for all pipelines")]
pub(crate) struct CeilingArgs {
    /// The largest `input.max_bytes`, such as 100MB.
    #[arg(long, env = "STOPBATH_MAX_BYTES", value_name = "SIZE")]
    max_bytes: Option<Bytes>,
    /// The largest `input.max_pixels`, such as 200MP.
    #[arg(long, env = "STOPBATH_MAX_PIXELS", value_name = "PIXELS")]
    max_pixels: Option<Pixels>,
    /// The largest `input.max_side`, in pixels.
    #[arg(long, env = "STOPBATH_MAX_SIDE", value_name = "N", value_parser = positive())]
    max_side: Option<u32>,
    /// The largest `input.max_frames`.
    #[arg(long, env = "STOPBATH_MAX_FRAMES", value_name = "N", value_parser = positive())]
    max_frames: Option<u32>,
    /// The largest `input.max_total_pixels`, such as 400MP.
    #[arg(long, env = "STOPBATH_MAX_TOTAL_PIXELS", value_name = "PIXELS")]
    max_total_pixels: Option<Pixels>,
    /// The largest `input.max_cpu`, such as 10s.
    #[arg(long, env = "STOPBATH_MAX_CPU", value_name = "TIME")]
    max_cpu: Option<Duration>,
    /// The largest `timeout` of a job, such as 60s.
    #[arg(long, env = "STOPBATH_MAX_TIMEOUT", value_name = "TIME")]
    max_timeout: Option<Duration>,
    /// The largest `limits.memory` of a step, such as 256MiB.
    #[arg(long, env = "STOPBATH_MAX_PLUGIN_MEMORY", value_name = "SIZE")]
    max_plugin_memory: Option<Bytes>,
    /// The largest `limits.timeout` of a step, such as 10s.
    #[arg(long, env = "STOPBATH_MAX_PLUGIN_TIMEOUT", value_name = "TIME")]
    max_plugin_timeout: Option<Duration>,
}

fn positive() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..)
}

impl From<&CeilingArgs> for Ceilings {
    fn from(args: &CeilingArgs) -> Self {
        Self {
            max_bytes: args.max_bytes,
            max_pixels: args.max_pixels,
            max_side: args.max_side,
            max_frames: args.max_frames,
            max_total_pixels: args.max_total_pixels,
            max_cpu: args.max_cpu,
            timeout: args.max_timeout,
            plugin_memory: args.max_plugin_memory,
            plugin_timeout: args.max_plugin_timeout,
        }
    }
}
