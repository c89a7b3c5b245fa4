//! The binary `stopbath`; everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::main()
}
