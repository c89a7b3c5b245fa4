//! From bytes to a plugin: refuse what cannot fit with a word on how to mend it, compile, ask what it is.

mod bytes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::abi::v1;
use crate::call::{Called, classify};
use crate::engine::Host;
use crate::limits::Limits;
use crate::manifest::{Kind, Manifest};
use crate::sandbox::{self, Sandbox, Until};

/// No component is larger, in bytes.
pub const MAX_COMPONENT: u64 = 64 << 20;

const PROBE: (&str, &str) = ("decoder", "probe");

const BUILD: &str = "build it with `cargo build --target wasm32-wasip2` and the crate `stopbath-plugin`";

/// A plugin that is ready to be called.
pub struct Plugin {
    pub(crate) pre: InstancePre<Sandbox>,
    /// The function of its kind, looked up once rather than at each call.
    pub(crate) function: ComponentExportIndex,
    digest: String,
    manifest: Manifest,
}

/// Why bytes are not a plugin: the first thing that does not fit, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(pub String);

impl Plugin {
    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Of decoders: the function that says whether they read a file.
    pub(crate) fn probe(&self) -> Option<ComponentExportIndex> {
        exported(self.pre.component(), PROBE)
    }
}

impl Host {
    /// Takes from the cache, or validates and compiles: that may take seconds and much memory, so hostile
    /// bytes belong in a process of their own.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        let digest = hex::encode(Sha256::digest(bytes));
        let cached = self
            .cache
            .as_ref()
            .and_then(|cache| cache.get(&self.engine, &digest));
        if let Some((component, manifest)) = cached
            && let Ok(pre) = self.linker.instantiate_pre(&component)
            && let Some(function) = exported(&component, manifest.kind.export())
        {
            return Ok(Arc::new(Plugin {
                pre,
                function,
                digest,
                manifest,
            }));
        }
        bytes::refuse(bytes)?;
        let component = Component::from_binary(&self.engine, bytes)
            .map_err(|error| LoadError(format!("the component does not hold together: {error:#}")))?;
        self.check_imports(&component)?;
        let kind = self.check_exports(&component)?;
        let pre = self.linker.instantiate_pre(&component).map_err(|error| {
            LoadError(format!(
                "an import does not fit what the host offers: {error:#}; {BUILD}"
            ))
        })?;
        let function = exported(&component, kind.export()).ok_or_else(|| {
            let (interface, function) = kind.export();
            LoadError(format!(
                "its `{interface}` does not export the function `{function}`"
            ))
        })?;
        let manifest = self.describe(&pre, kind, &function)?;
        if let Some(cache) = &self.cache {
            cache.put(&self.engine, &digest, &component, &manifest);
        }
        Ok(Arc::new(Plugin {
            pre,
            function,
            digest,
            manifest,
        }))
    }

    /// Names the first import that is not offered. WASI is there for language runtimes, and grants nothing.
    fn check_imports(&self, component: &Component) -> Result<(), LoadError> {
        for (name, _) in component.component_type().imports(&self.engine) {
            if name.starts_with("wasi:") {
                continue;
            }
            let offered = ["types", "frames", "host"].map(v1::interface);
            let Some((package, version)) = name.split_once('@') else {
                return Err(LoadError(format!(
                    "it imports `{name}`; the host offers {} and WASI 0.2",
                    offered.join(", ")
                )));
            };
            let known = offered
                .iter()
                .any(|o| o.split_once('@').is_some_and(|(known, _)| known == package));
            if !known {
                return Err(LoadError(format!(
                    "it imports `{name}`; the host offers {} and WASI 0.2",
                    offered.join(", ")
                )));
            }
            if !version.starts_with("0.1.") {
                return Err(LoadError(format!(
                    "it imports `{name}`; this host speaks version 0.1 of stopbath:plugin: build it with a matching `stopbath-plugin`"
                )));
            }
        }
        Ok(())
    }

    fn check_exports(&self, component: &Component) -> Result<Kind, LoadError> {
        let ty = component.component_type();
        let exports: Vec<String> = ty
            .exports(&self.engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let has = |interface: &str| {
            ty.exports(&self.engine).any(|(name, item)| {
                name == v1::interface(interface) && matches!(item.ty, ComponentItem::ComponentInstance(_))
            })
        };
        let listed = if exports.is_empty() {
            "nothing".to_owned()
        } else {
            exports.join(", ")
        };
        if !has("meta") {
            return Err(LoadError(format!(
                "it exports {listed}, not `{}`; {BUILD}",
                v1::interface("meta")
            )));
        }
        let mut kinds = Kind::ALL.into_iter().filter(|kind| has(kind.export().0));
        let worlds = "`filter`, `analyzer`, `decoder`, `encoder`";
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) => Ok(kind),
            (None, _) => Err(LoadError(format!(
                "it exports {listed}, none of the interfaces {worlds}; {BUILD}"
            ))),
            (Some(_), Some(_)) => Err(LoadError(format!(
                "it exports more than one of {worlds}; make one plugin of each"
            ))),
        }
    }

    /// Asks the plugin what it is, with little fuel and little time.
    fn describe(
        &self,
        pre: &InstancePre<Sandbox>,
        kind: Kind,
        function: &ComponentExportIndex,
    ) -> Result<Manifest, LoadError> {
        let limits = Limits {
            timeout: Duration::from_secs(5),
            ..Limits::default()
        };
        let until = Until {
            deadline: Instant::now() + limits.timeout,
            own: true,
        };
        let _permit = self.permits.take();
        let mut store = sandbox::store(&self.engine, &limits, limits.fuel_base, 0, until);
        let described = pre
            .instantiate(&mut store)
            .map_err(Called::Engine)
            .and_then(|instance| {
                let index = exported(pre.component(), ("meta", "describe"))
                    .ok_or_else(|| Called::missing("describe"))?;
                let describe = instance
                    .get_typed_func::<(), (v1::Manifest,)>(&mut store, &index)
                    .map_err(|error| Called::shape("describe", &error))?;
                let probe = exported(pre.component(), PROBE);
                crate::call::check_shape(&mut store, &instance, function, kind, probe)?;
                describe
                    .call(&mut store, ())
                    .map(|(manifest,)| manifest)
                    .map_err(Called::Engine)
            });
        match described {
            Ok(raw) => Manifest::check(raw, kind).map_err(LoadError),
            Err(Called::Shape(text)) => Err(LoadError(text)),
            Err(Called::Said(failure)) => Err(LoadError(format!("asked what it is, it says: {failure}"))),
            Err(Called::Engine(error)) => {
                let failure = classify(&error, store.data());
                Err(LoadError(format!("asked what it is, it fails: {failure}")))
            }
        }
    }
}

/// The index of an interface's function.
fn exported(component: &Component, (interface, function): (&str, &str)) -> Option<ComponentExportIndex> {
    let within = component.get_export_index(None, v1::interface(interface))?;
    component.get_export_index(Some(&within), function)
}
