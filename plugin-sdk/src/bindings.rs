//! What `wit-bindgen` makes of `wit/plugin.wit`.
//!
//! The imports and the manifest are generated once; each kind of plugin adds one small world that exports its
//! own interface over the same types. A component is the sum of the worlds it exports, so `export_filter!` joins
//! `meta` and `filter`. Nothing here is written by hand; authors use [`crate::prelude`].
#![allow(unsafe_code, reason = "generated code passes pointers over the component ABI")]
#![allow(clippy::pedantic, missing_docs, unreachable_pub, reason = "generated code")]

pub mod imports {
    wit_bindgen::generate!({
        path: "wit",
        world: "imports",
        additional_derives: [PartialEq, Eq],
    });
}

pub mod meta {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package stopbath:sdk; world meta { export stopbath:plugin/meta@0.1.0; }",
        world: "stopbath:sdk/meta",
        pub_export_macro: true,
        default_bindings_module: "stopbath_plugin::bindings::meta",
    });
}

pub mod filter {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package stopbath:sdk; world filter { export stopbath:plugin/filter@0.1.0; }",
        world: "stopbath:sdk/filter",
        with: {
            "stopbath:plugin/types@0.1.0": crate::bindings::imports::stopbath::plugin::types,
            "stopbath:plugin/frames@0.1.0": crate::bindings::imports::stopbath::plugin::frames,
        },
        pub_export_macro: true,
        default_bindings_module: "stopbath_plugin::bindings::filter",
    });
}

pub mod analyzer {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package stopbath:sdk; world analyzer { export stopbath:plugin/analyzer@0.1.0; }",
        world: "stopbath:sdk/analyzer",
        with: {
            "stopbath:plugin/types@0.1.0": crate::bindings::imports::stopbath::plugin::types,
            "stopbath:plugin/frames@0.1.0": crate::bindings::imports::stopbath::plugin::frames,
        },
        pub_export_macro: true,
        default_bindings_module: "stopbath_plugin::bindings::analyzer",
    });
}

pub mod decoder {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package stopbath:sdk; world decoder { export stopbath:plugin/decoder@0.1.0; }",
        world: "stopbath:sdk/decoder",
        with: {
            "stopbath:plugin/types@0.1.0": crate::bindings::imports::stopbath::plugin::types,
            "stopbath:plugin/frames@0.1.0": crate::bindings::imports::stopbath::plugin::frames,
        },
        pub_export_macro: true,
        default_bindings_module: "stopbath_plugin::bindings::decoder",
    });
}

pub mod encoder {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package stopbath:sdk; world encoder { export stopbath:plugin/encoder@0.1.0; }",
        world: "stopbath:sdk/encoder",
        with: {
            "stopbath:plugin/types@0.1.0": crate::bindings::imports::stopbath::plugin::types,
            "stopbath:plugin/frames@0.1.0": crate::bindings::imports::stopbath::plugin::frames,
        },
        pub_export_macro: true,
        default_bindings_module: "stopbath_plugin::bindings::encoder",
    });
}

/// The exported interfaces under short names.
pub mod exports_of {
    pub use super::analyzer::exports::stopbath::plugin::analyzer;
    pub use super::decoder::exports::stopbath::plugin::decoder;
    pub use super::encoder::exports::stopbath::plugin::encoder;
    pub use super::filter::exports::stopbath::plugin::filter;
    pub use super::meta::exports::stopbath::plugin::meta;
}
