//! The `bole` program; everything is in the library, where tests reach it.

use std::process::ExitCode;

/// Many small allocations of many sizes, freed by other threads than made them: what mimalloc is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else has SQLite; else it keeps its own memory, and counts that.
    let _taken = bole_sql::use_allocator();
    bole::cli::run()
}
