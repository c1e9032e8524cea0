//! Counts checks and prints one line for each: `ok NAME`, or `FAIL NAME: expected …, got …`.

use std::fmt::Debug;
use tokio_postgres::Error;

#[derive(Default)]
pub struct Checks {
    passed: u32,
    failed: u32,
}

impl Checks {
    pub fn equal<T: PartialEq + Debug>(&mut self, name: &str, got: T, expected: T) {
        if got == expected {
            self.passed += 1;
            println!("ok {name}");
        } else {
            self.failed += 1;
            println!("FAIL {name}: expected {expected:.300?}, got {got:.300?}");
        }
    }

    /// The call must fail with this SQLSTATE.
    pub fn fails<T>(&mut self, name: &str, outcome: Result<T, Error>, code: &str) {
        let got = outcome.err().and_then(|error| error.code().map(|code| code.code().to_owned()));
        self.equal(name, got, Some(code.to_owned()));
    }

    pub fn finish(self) {
        println!("{} passed, {} failed", self.passed, self.failed);
        std::process::exit(i32::from(self.failed > 0));
    }
}
