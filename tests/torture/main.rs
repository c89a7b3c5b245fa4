//! The kill test at length: `cargo xtask torture`.

use e2e::torture::Torture;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let cycles = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(300);
    let store = arguments.next();
    let seed = 20_261_128;
    println!("{}", Torture { cycles, seed, store }.run());
}
