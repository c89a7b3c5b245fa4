//! From the component's exports to the traits of [`crate::plugin`].
//!
//! The types here implement the generated `Guest` traits for every plugin, so that the `export_…!` macros only
//! have to name the functions that become the component's exports. Natively the macros export nothing, but
//! still check that the plugin implements its trait.

#[cfg(target_family = "wasm")]
mod guest;
#[cfg(target_family = "wasm")]
pub use guest::{AnalyzerExport, DecoderExport, EncoderExport, FilterExport};

/// Makes the component of a [`Filter`](crate::Filter).
#[macro_export]
macro_rules! export_filter {
    ($plugin:ty) => {
        $crate::export_plugin!(filter, Filter, FilterExport, $plugin);
    };
}

/// Makes the component of an [`Analyzer`](crate::Analyzer).
#[macro_export]
macro_rules! export_analyzer {
    ($plugin:ty) => {
        $crate::export_plugin!(analyzer, Analyzer, AnalyzerExport, $plugin);
    };
}

/// Makes the component of a [`Decoder`](crate::Decoder).
#[macro_export]
macro_rules! export_decoder {
    ($plugin:ty) => {
        $crate::export_plugin!(decoder, Decoder, DecoderExport, $plugin);
    };
}

/// Makes the component of an [`Encoder`](crate::Encoder).
#[macro_export]
macro_rules! export_encoder {
    ($plugin:ty) => {
        $crate::export_plugin!(encoder, Encoder, EncoderExport, $plugin);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export_plugin {
    ($world:ident, $kind:ident, $export:ident, $plugin:ty) => {
        const _: () = {
            const fn implemented<P: $crate::$kind>() {}
            implemented::<$plugin>();
        };

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "a component's exports are unmangled symbols")]
        const _: () = {
            type Component = $crate::export::$export<$plugin>;
    $crate::bindings::meta::export!(Component with_types_in $crate::bindings::meta);
    $crate::bindings::$world::export!(Component with_types_in $crate::bindings::$world);
        };
    };
}
