//! Each operation of the table is reached by the request that S3 has for it: what is refused says its name.

use bole_blobs::operations::{Row, TABLE};

use crate::client::ask;
use crate::node::Node;

/// The requests of operations that are refused; objects and buckets are there.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "CreateBucketMetadataTableConfiguration",
        "POST",
        "/bucket?metadataTable",
        "<MetadataTableConfiguration><S3TablesDestination><TableBucketArn>a</TableBucketArn><TableName>t</TableName></S3TablesDestination></MetadataTableConfiguration>",
    ),
    ("CreateSession", "GET", "/bucket?session", ""),
    ("DeleteBucketAnalyticsConfiguration", "DELETE", "/bucket?analytics&id=a", ""),
    ("DeleteBucketIntelligentTieringConfiguration", "DELETE", "/bucket?id=a&intelligent-tiering", ""),
    ("DeleteBucketInventoryConfiguration", "DELETE", "/bucket?id=a&inventory", ""),
    ("DeleteBucketMetadataTableConfiguration", "DELETE", "/bucket?metadataTable", ""),
    ("DeleteBucketMetricsConfiguration", "DELETE", "/bucket?id=a&metrics", ""),
    ("DeleteBucketReplication", "DELETE", "/bucket?replication", ""),
    ("GetBucketAccelerateConfiguration", "GET", "/bucket?accelerate", ""),
    ("GetBucketAnalyticsConfiguration", "GET", "/bucket?analytics&id=a", ""),
    ("GetBucketIntelligentTieringConfiguration", "GET", "/bucket?id=a&intelligent-tiering", ""),
    ("GetBucketInventoryConfiguration", "GET", "/bucket?id=a&inventory", ""),
    ("GetBucketMetadataTableConfiguration", "GET", "/bucket?metadataTable", ""),
    ("GetBucketMetricsConfiguration", "GET", "/bucket?id=a&metrics", ""),
    ("GetBucketReplication", "GET", "/bucket?replication", ""),
    ("GetBucketRequestPayment", "GET", "/bucket?requestPayment", ""),
    ("GetObjectTorrent", "GET", "/bucket/k?torrent", ""),
    ("ListBucketAnalyticsConfigurations", "GET", "/bucket?analytics", ""),
    ("ListBucketIntelligentTieringConfigurations", "GET", "/bucket?intelligent-tiering", ""),
    ("ListBucketInventoryConfigurations", "GET", "/bucket?inventory", ""),
    ("ListBucketMetricsConfigurations", "GET", "/bucket?metrics", ""),
    (
        "PutBucketRequestPayment",
        "PUT",
        "/bucket?requestPayment",
        "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>",
    ),
    ("PutBucketAccelerateConfiguration", "PUT", "/bucket?accelerate", ""),
    ("PutBucketAnalyticsConfiguration", "PUT", "/bucket?analytics&id=a", ""),
    ("PutBucketIntelligentTieringConfiguration", "PUT", "/bucket?id=a&intelligent-tiering", ""),
    ("PutBucketInventoryConfiguration", "PUT", "/bucket?id=a&inventory", ""),
    ("PutBucketMetricsConfiguration", "PUT", "/bucket?id=a&metrics", ""),
    ("PutBucketReplication", "PUT", "/bucket?replication", ""),
    ("RestoreObject", "POST", "/bucket/k?restore", ""),
    ("SelectObjectContent", "POST", "/bucket/k?select&select-type=2", ""),
];

/// Refused as well, and reached by requests of other forms: for directory buckets, and by functions.
const OTHER_FORMS: [&str; 2] = ["ListDirectoryBuckets", "WriteGetObjectResponse"];

#[test]
fn the_guide_has_the_table() {
    let guide = include_str!("../../../../docs/guide/blobs.md");
    let (_, guide) = guide.split_once("## Operations\n\n| operation | |\n|---|---|\n").unwrap();
    let row = |row: &Row| match row.refused {
        None => format!("| `{}` | served |\n", row.name),
        Some(why) => format!("| `{}` | refused: {why} |\n", row.name),
    };
    assert_eq!(guide, TABLE.iter().map(row).collect::<String>());
}

#[test]
fn all_that_is_refused_is_called_here() {
    let refused = TABLE.iter().filter(|row| row.refused.is_some()).map(|row| row.name);
    let mut refused: Vec<_> = refused.filter(|name| !OTHER_FORMS.contains(name)).collect();
    let mut called: Vec<_> = REFUSED.iter().map(|(name, ..)| *name).collect();
    refused.sort_unstable();
    called.sort_unstable();
    assert_eq!(called, refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_says_its_name() {
    let node = Node::start().await;
    let address = node.address;
    let run = move || {
        assert_eq!(ask("PUT", "/bucket").send(address).status, 200);
        for (name, method, target, body) in REFUSED {
            let row = TABLE.iter().find(|row| row.name == *name).unwrap();
            let answer = ask(method, target).body(*body).send(address);
            let message = answer.element("Message").unwrap_or_default();
            let expected = (501, "NotImplemented".to_owned());
            assert_eq!(answer.outcome(), expected, "{name}: {}", answer.text());
            assert_eq!(message, format!("{name} is not supported: {}", row.refused.unwrap()));
        }
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}
