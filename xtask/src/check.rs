//! `cargo xtask check`: what CI runs. Format and lints first, because they fail fastest; then `cargo xtask test`, in
//! which the tests of layers and architecture are ordinary tests.

use crate::{process, test};
use anyhow::Result;

/// Options of `cargo xtask check`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    test: test::Args,
}

/// The steps that need no server, in order.
const STEPS: &[&[&str]] =
    &[&["fmt", "--all", "--check"], &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]];

/// Runs everything and stops at the first failure.
pub fn run(args: &Args) -> Result<()> {
    for step in STEPS {
        process::run(process::cargo().args(*step))?;
    }
    test::run(&args.test)
}
