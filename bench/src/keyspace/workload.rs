//! The tests of redis-benchmark: what each sends, and what must be there before, so that it measures the command and
//! not its failure (a GET of nothing, an LPOP of an empty list).

use super::class::Node;
use anyhow::Result;

/// One test.
#[derive(Debug)]
pub(super) struct Test {
    /// Its name in the report and on the command line.
    pub(super) name: &'static str,
    /// What redis-benchmark is told to send.
    pub(super) arguments: &'static [&'static str],
    fill: Fill,
}

/// What a test needs before it starts.
#[derive(Debug)]
enum Fill {
    Nothing,
    /// `key:000000000000` and so on, with the value that redis-benchmark's SET writes.
    Keys,
    /// `mylist` with as many elements as there will be requests.
    ListForEachRequest,
    /// `mylist` with the elements that one `LRANGE_100` reads, and some more.
    ShortList,
}

const fn test(name: &'static str, arguments: &'static [&'static str], fill: Fill) -> Test {
    Test { name, arguments, fill }
}

/// In the order of the report. `LRANGE_100` is spelled out because redis-benchmark's own one measures an LPUSH before.
pub(super) const TESTS: &[Test] = &[
    test("GET", &["-t", "get"], Fill::Keys),
    test("SET", &["-t", "set"], Fill::Nothing),
    test("INCR", &["-t", "incr"], Fill::Nothing),
    test("LPUSH", &["-t", "lpush"], Fill::Nothing),
    test("LPOP", &["-t", "lpop"], Fill::ListForEachRequest),
    test("SADD", &["-t", "sadd"], Fill::Nothing),
    test("HSET", &["-t", "hset"], Fill::Nothing),
    test("ZADD", &["-t", "zadd"], Fill::Nothing),
    test("LRANGE_100", &["LRANGE", "mylist", "0", "99"], Fill::ShortList),
    test("MSET", &["-t", "mset"], Fill::Nothing),
];

impl Test {
    /// Empties the node and puts there what the test needs.
    pub(super) fn prepare(&self, node: &Node, requests: u32, keyspace: u32) -> Result<()> {
        node.flush()?;
        let push = |_| vec![b"LPUSH".to_vec(), b"mylist".to_vec(), b"xxx".to_vec()];
        match self.fill {
            Fill::Nothing => Ok(()),
            Fill::Keys => node.fill(keyspace.into(), |number| {
                vec![b"SET".to_vec(), format!("key:{number:012}").into_bytes(), b"xxx".to_vec()]
            }),
            Fill::ListForEachRequest => node.fill(requests.into(), push),
            Fill::ShortList => node.fill(1000, push),
        }
    }
}
