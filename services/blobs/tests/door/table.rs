//! Each operation of the table is reached by the request that S3 has for it: what is refused says its name.

use bole_blobs::operations::TABLE;

use crate::client::ask;
use crate::node::Node;

/// The requests of operations that are refused; objects and buckets are there.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "CreateBucketMetadataTableConfiguration",
        "POST",
        "/b?metadataTable",
        "<MetadataTableConfiguration><S3TablesDestination><TableBucketArn>a</TableBucketArn><TableName>t</TableName></S3TablesDestination></MetadataTableConfiguration>",
    ),
    ("CreateSession", "GET", "/b?session", ""),
    ("DeleteBucketAnalyticsConfiguration", "DELETE", "/b?analytics&id=a", ""),
    ("DeleteBucketEncryption", "DELETE", "/b?encryption", ""),
    ("DeleteBucketIntelligentTieringConfiguration", "DELETE", "/b?id=a&intelligent-tiering", ""),
    ("DeleteBucketInventoryConfiguration", "DELETE", "/b?id=a&inventory", ""),
    ("DeleteBucketMetadataTableConfiguration", "DELETE", "/b?metadataTable", ""),
    ("DeleteBucketMetricsConfiguration", "DELETE", "/b?id=a&metrics", ""),
    ("DeleteBucketReplication", "DELETE", "/b?replication", ""),
    ("GetBucketAccelerateConfiguration", "GET", "/b?accelerate", ""),
    ("GetBucketAnalyticsConfiguration", "GET", "/b?analytics&id=a", ""),
    ("GetBucketEncryption", "GET", "/b?encryption", ""),
    ("GetBucketIntelligentTieringConfiguration", "GET", "/b?id=a&intelligent-tiering", ""),
    ("GetBucketInventoryConfiguration", "GET", "/b?id=a&inventory", ""),
    ("GetBucketLogging", "GET", "/b?logging", ""),
    ("GetBucketMetadataTableConfiguration", "GET", "/b?metadataTable", ""),
    ("GetBucketMetricsConfiguration", "GET", "/b?id=a&metrics", ""),
    ("GetBucketNotificationConfiguration", "GET", "/b?notification", ""),
    ("GetBucketReplication", "GET", "/b?replication", ""),
    ("GetBucketRequestPayment", "GET", "/b?requestPayment", ""),
    ("GetObjectTorrent", "GET", "/b/k?torrent", ""),
    ("ListBucketAnalyticsConfigurations", "GET", "/b?analytics", ""),
    ("ListBucketIntelligentTieringConfigurations", "GET", "/b?intelligent-tiering", ""),
    ("ListBucketInventoryConfigurations", "GET", "/b?inventory", ""),
    ("ListBucketMetricsConfigurations", "GET", "/b?metrics", ""),
    (
        "PutBucketEncryption",
        "PUT",
        "/b?encryption",
        "<ServerSideEncryptionConfiguration></ServerSideEncryptionConfiguration>",
    ),
    (
        "PutBucketLifecycleConfiguration",
        "PUT",
        "/b?lifecycle",
        "<LifecycleConfiguration></LifecycleConfiguration>",
    ),
    (
        "PutBucketNotificationConfiguration",
        "PUT",
        "/b?notification",
        "<NotificationConfiguration></NotificationConfiguration>",
    ),
    ("PutBucketWebsite", "PUT", "/b?website", "<WebsiteConfiguration></WebsiteConfiguration>"),
    (
        "PutBucketRequestPayment",
        "PUT",
        "/b?requestPayment",
        "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_says_its_name() {
    let node = Node::start().await;
    let address = node.address;
    let run = move || {
        assert_eq!(ask("PUT", "/b").send(address).status, 200);
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
