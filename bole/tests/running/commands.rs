//! Command lines, each with its input, exit code and output.

use bole_streams::operations::is_served;
use bole_streams::protocol::Message as _;
use bole_streams::protocol::messages::incremental_alter_configs;

use crate::expect::matches;
use crate::node::{Node, Outcome};

/// A command line, its input, its exit code, its output, and a part of what it says on standard error.
type Row<'a> = (&'a str, &'a str, i32, &'a str, &'a str);

/// Runs rows one after the other. Arguments are separated by spaces; `~` in one stands for a space.
fn check(node: &Node, rows: &[Row<'_>]) {
    for (line, input, code, expected, error) in rows {
        let args: Vec<String> = line.split(' ').map(|word| word.replace('~', " ")).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let Outcome { code: exit, out, errors } = node.bole(&args, input);
        assert_eq!(exit, *code, "bole {line}: {out}{errors}");
        assert!(matches(expected, &out), "bole {line} printed:\n{out}{errors}expected:\n{expected}");
        assert!(errors.contains(error), "bole {line} said: {errors}");
        assert!(*code != 0 || errors.is_empty(), "bole {line} said: {errors}");
    }
}

#[test]
fn topics() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let list = "topic   partitions\norders           2\n";
    let page = "topic \"orders\", id …\n\n  partition  start  end…\n          0      0    0…\n          1      0    0…\n\n\
                settings that differ from the default:\n  retention.ms=1000\n";
    check(
        &node,
        &[
            ("topic list", "", 0, "topic  partitions\n", ""),
            (
                "topic create orders --partitions 2 --config retention.ms=1000",
                "",
                0,
                "topic \"orders\" created with 2 partitions\n",
                "",
            ),
            ("topic create orders", "", 1, "", "topic \"orders\": TOPIC_ALREADY_EXISTS (36): "),
            ("topic create b!d", "", 1, "", "topic \"b!d\": INVALID_TOPIC_EXCEPTION (17): "),
            (
                "topic create t --config retention.ms=x",
                "",
                1,
                "",
                "INVALID_CONFIG (40): retention.ms is \"x\"",
            ),
            ("topic create t --config flush.ms=1", "", 1, "", "flush.ms has no effect on this server"),
            ("topic list", "", 0, list, ""),
            (
                "topic list --json",
                "",
                0,
                "[\n  {\n    \"id\": \"…\",\n    \"name\": \"orders\",\n    \"partitions\": 2\n  }\n]\n",
                "",
            ),
            ("topic describe orders", "", 0, page, ""),
            ("topic describe nobody", "", 1, "", "topic \"nobody\": UNKNOWN_TOPIC_OR_PARTITION (3)"),
            ("topic alter orders --partitions 3", "", 0, "topic \"orders\" has 3 partitions\n", ""),
            ("topic alter orders --partitions 1", "", 1, "", "INVALID_PARTITIONS (37)"),
            ("topic alter orders", "", 1, "", "nothing to change"),
            ("topic delete orders", "", 1, "", "--yes says that you mean it"),
            (
                "topic delete nobody orders --yes",
                "",
                1,
                "topic \"orders\" deleted\n",
                "1 of 2 topics not deleted",
            ),
            ("topic list", "", 0, "topic  partitions\n", ""),
            ("topic list --addr 127.0.0.1:1", "", 1, "", "no stream service answers at 127.0.0.1:1"),
            ("topic list --addr nowhere", "", 1, "", "\"nowhere\" is not an address HOST:PORT"),
        ],
    );
}

#[test]
fn settings_of_a_topic_change_where_the_node_does_that() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    check(&node, &[("topic create t --partitions 1", "", 0, "topic \"t\" created with 1 partition\n", "")]);
    let changed = "topic \"t\": settings changed\n";
    if is_served(incremental_alter_configs::Request::KEY) {
        let page = "topic \"t\", id …\n\n  partition  start  end…\n          0      0    0…\n";
        let set = format!("{page}\nsettings that differ from the default:\n  retention.ms=5000\n");
        check(
            &node,
            &[
                ("topic alter t --config retention.ms=5000", "", 0, changed, ""),
                ("topic describe t", "", 0, &set, ""),
                ("topic alter t --config retention.ms=x", "", 1, "", "INVALID_CONFIG (40)"),
                ("topic alter t --delete-config retention.ms", "", 0, changed, ""),
                ("topic describe t", "", 0, page, ""),
            ],
        );
    } else {
        let refusal = "does not serve IncrementalAlterConfigs";
        check(&node, &[("topic alter t --config retention.ms=5000", "", 1, "", refusal)]);
    }
}

#[test]
fn large_objects_are_looked_after() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    check(
        &node,
        &[
            ("blobs damage", "", 0, "no damage is known\n", ""),
            ("blobs damage --json", "", 0, "{\"chunks\":[],\"is_cut\":false}\n", ""),
            ("blobs scrub", "", 0, "under way; `bole status` shows how far\n", ""),
        ],
    );
    node.wait_for(&["status"], |out| out.contains("Large objects  verified: 0 B; 0 damaged chunks"));
}

#[test]
fn records_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let create = format!("topic create {codec} --partitions 2");
        let produce =
            format!("produce {codec} --key-separator : --header h=1 --header i= --compression {codec}");
        let consume = format!("consume {codec} --exit-at-end --format %t~%p~%o~%k=%v~%h%n");
        let written = format!("3 records written to topic \"{codec}\"\n");
        // As Kafka's Java client: with two partitions "tom" belongs in 1 and "bob" in 0.
        let zero = format!("{codec} 0 0 bob=y h=1,i=");
        let one = format!("{codec} 1 0 tom=x h=1,i=\n{codec} 1 1 tom= h=1,i=");
        let produced = "tom:x\nbob:y\ntom:\n";
        check(&node, &[(&create, "", 0, "…", ""), (&produce, produced, 0, &written, "")]);
        for (partition, expected) in [("0", zero), ("1", one)] {
            let consume = consume.replace(" --exit", &format!(":{partition} --exit"));
            check(&node, &[(&consume, "", 0, &expected, "")]);
        }
    }
    let json = "{\"topic\":\"j\",\"partition\":0,\"offset\":0,\"timestamp\":…,\"key\":\"k\",\"value\":null,\"headers\":[]}\n";
    check(
        &node,
        &[
            ("topic create j --partitions 1", "", 0, "…", ""),
            (
                "produce j --key-separator : --empty-is-null",
                "k:\n",
                0,
                "1 record written to topic \"j\"\n",
                "",
            ),
            ("consume j --exit-at-end --json", "", 0, json, ""),
        ],
    );
}

#[test]
fn places_to_begin_and_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    check(
        &node,
        &[
            ("topic create t --partitions 2", "", 0, "…", ""),
            ("produce t --partition 1 --acks 1", "a\nb\nc\n", 0, "3 records written to topic \"t\"\n", ""),
            ("produce t --partition 1 --acks 0", "d\n", 0, "1 record written to topic \"t\"\n", ""),
            (
                "produce t --partition 2",
                "x\n",
                1,
                "",
                "topic \"t\" has 2 partitions; partition 2 does not exist",
            ),
            ("consume t --exit-at-end", "", 0, "a\nb\nc\nd\n", ""),
            ("consume t --count 2", "", 0, "a\nb\n", ""),
            ("consume t:1 --from 2 --exit-at-end", "", 0, "c\nd\n", ""),
            ("consume t --from -1 --exit-at-end", "", 0, "d\n", ""),
            ("consume t --from latest --exit-at-end", "", 0, "", ""),
            ("consume t --from @0 --exit-at-end", "", 0, "a\nb\nc\nd\n", ""),
            ("consume t --from @2999-01-01T00:00:00Z --exit-at-end", "", 0, "", ""),
            ("consume t:0 --exit-at-end --isolation read_committed", "", 0, "", ""),
            ("consume t:1 --from 9", "", 1, "", "partition 1 has offsets 0 to 4; there is no offset 9"),
            ("consume t:5", "", 1, "", "partition 5 does not exist"),
            ("consume t:0,1", "", 1, "", "give one partition"),
            ("consume t:0 --group g", "", 1, "", "give the topic alone"),
            ("consume nobody", "", 1, "", "UNKNOWN_TOPIC_OR_PARTITION (3)"),
            (
                "produce t --key-separator :",
                "a:b\nc\n",
                1,
                "",
                "line 2 has no \":\" between a key and a value",
            ),
            ("consume t --from -1 --exit-at-end --count 9", "", 0, "…\n…", ""),
        ],
    );
}

#[test]
fn what_is_refused_is_told_and_the_rest_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let long = "x".repeat(4_000);
    let input = format!("a\nb\n{long}\nc\n");
    check(
        &node,
        &[
            ("topic create t --partitions 1 --config max.message.bytes=1000", "", 0, "…", ""),
            (
                "produce t",
                &input,
                1,
                "3 records written to topic \"t\"\n",
                "bole: topic \"t\" partition 0: 1 record(s) refused: MESSAGE_TOO_LARGE (10): ",
            ),
            ("consume t --exit-at-end", "", 0, "a\nb\nc\n", ""),
            (
                "produce t --idempotent false",
                &input,
                1,
                "3 records written to topic \"t\"\n",
                "bole: 1 record refused",
            ),
            ("produce t --acks 0", &input, 1, "", " broke"),
        ],
    );
}

#[test]
fn many_records_keep_their_order_in_each_partition() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let lines: Vec<String> = (0..20_000).map(|number| format!("{}:{number}", number % 7)).collect();
    let lines = lines.join("\n");
    check(
        &node,
        &[
            ("topic create t --partitions 3", "", 0, "…", ""),
            (
                "produce t --key-separator : --batch-size 2KiB --compression lz4",
                &lines,
                0,
                "20000 records written to topic \"t\"\n",
                "",
            ),
        ],
    );
    let Outcome { out, .. } = node.bole(&["consume", "t", "--exit-at-end", "--format", "%k:%v%n"], "");
    let mut by_key = vec![Vec::new(); 7];
    for line in out.lines() {
        let (key, number) = line.split_once(':').unwrap();
        by_key[key.parse::<usize>().unwrap()].push(number.parse::<usize>().unwrap());
    }
    for (key, numbers) in by_key.iter().enumerate() {
        assert!(numbers.iter().copied().eq((key..20_000).step_by(7)), "key {key}");
    }
}
