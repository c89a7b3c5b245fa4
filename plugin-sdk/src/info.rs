//! What a plugin says of itself, as a constant.
//!
//! Hints are wishes: the host never grants more than its own limits. The kind and the params schema are not
//! here, they follow from the trait that the plugin implements.

/// Name, version, description and hints of a plugin; built up by chaining.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// As pipelines write it after `uses:`.
    pub name: &'static str,
    /// In semver.
    pub version: &'static str,
    /// One line.
    pub description: &'static str,
    /// See [`Info::banded`].
    pub banded: bool,
    /// See [`Info::media_types`].
    pub media_types: &'static [&'static str],
    /// See [`Info::fuel_base`].
    pub fuel_base: Option<u64>,
    /// See [`Info::fuel_per_pixel`].
    pub fuel_per_pixel: Option<u64>,
    /// See [`Info::memory`].
    pub memory: Option<u64>,
    /// See [`Info::timeout_ms`].
    pub timeout_ms: Option<u32>,
}

impl Info {
    /// `name` as pipelines write it after `uses:`, `version` in semver, `description` in one line.
    pub const fn new(name: &'static str, version: &'static str, description: &'static str) -> Self {
        Self {
            name,
            version,
            description,
            banded: false,
            media_types: &[],
            fuel_base: None,
            fuel_per_pixel: None,
            memory: None,
            timeout_ms: None,
        }
    }

    /// Each output pixel depends on the input pixel at the same place alone, so the host may run horizontal
    /// bands of one image at the same time. Wrong for a filter that looks at neighbours or at `y`.
    #[must_use]
    pub const fn banded(mut self) -> Self {
        self.banded = true;
        self
    }

    /// Decoders: the file types read. Encoders: the one written.
    #[must_use]
    pub const fn media_types(mut self, types: &'static [&'static str]) -> Self {
        self.media_types = types;
        self
    }

    /// Fuel needed whatever the size of the image; about one unit an instruction.
    #[must_use]
    pub const fn fuel_base(mut self, units: u64) -> Self {
        self.fuel_base = Some(units);
        self
    }

    /// Fuel needed for each pixel of the source.
    #[must_use]
    pub const fn fuel_per_pixel(mut self, units: u64) -> Self {
        self.fuel_per_pixel = Some(units);
        self
    }

    /// Linear memory needed, in bytes.
    #[must_use]
    pub const fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Wall clock for one call, in milliseconds.
    #[must_use]
    pub const fn timeout_ms(mut self, milliseconds: u32) -> Self {
        self.timeout_ms = Some(milliseconds);
        self
    }
}
