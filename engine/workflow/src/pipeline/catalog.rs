//! Which plugins there are, as `check` needs to know it.
//!
//! A trait, because the server asks its store and a test asks a list. What a plugin *does* is not here.

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use super::step::StepLimits;

/// Answers which version of a plugin a pipeline gets.
pub trait PluginCatalog {
    /// The version that `req` stands for today: the newest that matches.
    fn resolve(&self, name: &str, req: &VersionReq) -> Result<PluginInfo, ResolveError>;
    /// Every plugin's name, once.
    fn names(&self) -> Vec<String>;
}

/// One immutable plugin version, as its manifest describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginInfo {
    pub name: String,
    pub version: Version,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    pub kind: PluginKind,
    /// JSON Schema of the step's `with:`.
    pub params_schema: serde_json::Value,
    /// Decoders: types read. Encoders: the one written.
    pub media_types: Vec<String>,
    /// Whether the host may run the filter in horizontal bands.
    pub banded: bool,
    /// What the plugin wishes for, granted up to a ceiling; a pipeline's `limits:` go first.
    pub hints: StepLimits,
}

/// The plugin worlds: what goes in and what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginKind {
    /// Frame to frame.
    Filter,
    /// Frame to JSON.
    Analyzer,
    /// Bytes to frame.
    Decoder,
    /// Frame to bytes.
    Encoder,
}

impl PluginKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Analyzer => "analyzer",
            Self::Decoder => "decoder",
            Self::Encoder => "encoder",
        }
    }
}

/// Why a plugin reference names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("there is no plugin of that name")]
    UnknownPlugin,
    /// The versions there are, newest first.
    #[error("no version in that range")]
    NoVersion(Vec<Version>),
}

/// A catalog in memory.
#[derive(Debug, Clone, Default)]
pub struct StaticCatalog(pub Vec<PluginInfo>);

impl PluginCatalog for StaticCatalog {
    fn resolve(&self, name: &str, req: &VersionReq) -> Result<PluginInfo, ResolveError> {
        let mut versions: Vec<&PluginInfo> = self.0.iter().filter(|p| p.name == name).collect();
        if versions.is_empty() {
            return Err(ResolveError::UnknownPlugin);
        }
        versions.sort_by(|a, b| b.version.cmp(&a.version));
        versions
            .iter()
            .find(|p| req.matches(&p.version))
            .map(|p| (*p).clone())
            .ok_or_else(|| ResolveError::NoVersion(versions.iter().map(|p| p.version.clone()).collect()))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.iter().map(|p| p.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(version: &str) -> PluginInfo {
        PluginInfo {
            name: "watermark".into(),
            version: version.parse().unwrap(),
            digest: version.into(),
            kind: PluginKind::Filter,
            params_schema: serde_json::json!({}),
            media_types: vec![],
            banded: false,
            hints: StepLimits::default(),
        }
    }

    #[test]
    fn the_newest_version_in_the_range_wins() {
        let catalog = StaticCatalog(["1.0.0", "1.10.0", "1.9.0", "2.0.0"].map(plugin).to_vec());
        let resolve = |req: &str| {
            catalog
                .resolve("watermark", &req.parse().unwrap())
                .map(|p| p.version.to_string())
        };
        assert_eq!(resolve("^1").unwrap(), "1.10.0");
        assert_eq!(resolve("=1.9.0").unwrap(), "1.9.0");
        assert_eq!(catalog.names(), ["watermark"]);
        let Err(ResolveError::NoVersion(versions)) = resolve("^3") else {
            panic!("resolved")
        };
        assert_eq!(versions[0].to_string(), "2.0.0");
        assert_eq!(
            catalog.resolve("nope", &VersionReq::STAR),
            Err(ResolveError::UnknownPlugin)
        );
    }
}
