//! The plugins of the pipeline: each passes every picture on as it is, but for those of one width.

use std::path::Path;

use guest_builder::Guest;
use tempfile::TempDir;

use super::originals::{LINGERS, SPINS, TRAPS};

const FOR_EVER: &str = "(loop $again br $again)";

/// A folder of all of them, `frail` in the version that traps.
pub(super) fn install() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder can be made");
    put(
        folder.path(),
        "frail",
        "1.0.0",
        Guest::at_width(TRAPS, "unreachable"),
    );
    put(folder.path(), "greedy", "1.0.0", Guest::at_width(SPINS, FOR_EVER));
    put(folder.path(), "slow", "1.0.0", Guest::at_width(LINGERS, FOR_EVER));
    folder
}

/// The next version of `frail`, in place of the one that traps.
pub(super) fn mend(folder: &Path) {
    put(folder, "frail", "1.0.1", Guest::default());
}

fn put(folder: &Path, name: &str, version: &str, guest: Guest) {
    let guest = Guest {
        name: name.to_owned(),
        version: version.to_owned(),
        ..guest
    };
    let component = guest.component().expect("a correct guest");
    let file = folder.join(name).with_extension("wasm");
    std::fs::write(file, component).expect("a plugin can be written");
}
