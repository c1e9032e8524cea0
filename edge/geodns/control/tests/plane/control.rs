//! What is put is served, kept, and there again.

use crate::support::{Node, answer, document};
use bole_geodns_control::Error;
use bole_geodns_control::entry::Form::{Document, Master};

#[tokio::test]
async fn zones_are_served_from_when_they_are_put_and_after_a_restart() {
    let node = Node::start().await;
    let put = node.control.put(&node.service, "Example.COM", Document, document(1), None).await.unwrap();
    assert!(put.is_new && put.changed && put.revision == 1);
    assert_eq!(node.www("example.com"), answer(1));
    let same = node.control.put(&node.service, "example.com.", Document, document(1), None).await.unwrap();
    assert_eq!((same.changed, same.serial, same.revision), (false, put.serial, 1));
    let other = node.control.put(&node.service, "example.com", Document, document(2), Some(1)).await.unwrap();
    assert_eq!((other.changed, other.serial, other.revision), (true, put.serial + 1, 2));
    let stale = node.control.put(&node.service, "example.com", Document, document(3), Some(1)).await;
    assert!(matches!(stale, Err(Error::Stale { is: 2, expected: 1 })));
    assert_eq!(node.www("example.com"), answer(2));

    let node = node.restart().await;
    assert_eq!(node.www("example.com"), answer(2));
    assert_eq!(node.service.zones()[0].serial, other.serial, "the serial number is what it was");
    let kept = node.control.zone("example.com").await.unwrap();
    assert_eq!((kept.zone.text, kept.revision), (document(2), 2));
    node.control.remove(&node.service, "example.com", Some(2)).await.unwrap();
    assert!(node.service.zones().is_empty());
    let gone = node.control.remove(&node.service, "example.com", None).await;
    assert!(matches!(gone, Err(Error::Missing { .. })));
    let node = node.restart().await;
    assert!(node.service.zones().is_empty());
    let back = node.control.put(&node.service, "example.com", Document, document(9), Some(0)).await.unwrap();
    assert_eq!(back.serial, other.serial + 1);
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let node = Node::start().await;
    node.control.put(&node.service, "example.com", Document, document(1), None).await.unwrap();
    let wrong = document(1).replace("192.0.2.1", "192.0.2.300") + "x = { MX = \"a\" }\n";
    let refused = node.control.put(&node.service, "example.com", Document, wrong, None).await;
    let Err(Error::Zone(problems)) = refused else { panic!("{refused:?}") };
    assert_eq!(problems.list.iter().map(|problem| problem.line).collect::<Vec<_>>(), [4, 5]);
    let foreign = node
        .control
        .put(&node.service, "example.org", Document, document(2).replace("example.com", "example.net"), None)
        .await;
    assert!(matches!(foreign, Err(Error::OtherZone { .. })));
    let large = "x".repeat(bole_geodns_control::limits::TEXT_BYTES_MAX + 1);
    let large = node.control.put(&node.service, "example.com", Master, large, None).await;
    assert!(matches!(large, Err(Error::Limit(_))));
    let name = node.control.put(&node.service, "a..b", Document, document(1), None).await;
    assert!(matches!(name, Err(Error::Invalid(_))));
    let checked = node.control.check(&node.service, "example.com", Document, &document(7)).await.unwrap();
    assert_eq!(checked.record_count(), 3);
    assert_eq!(node.www("example.com"), answer(1));
    assert_eq!(node.control.zones().await.unwrap().len(), 1);
}

#[tokio::test]
async fn serials_of_master_files_are_raised_where_they_must() {
    let node = Node::start().await;
    let text = |serial: u32, last: u8| {
        format!("$TTL 60\n@ SOA a b {serial} 2 3 4 5\n@ NS ns.example.net.\nwww A 192.0.2.{last}\n")
    };
    for (given, last, expected) in
        [(5, 1, 5), (5, 2, 6), (4, 3, 7), (100, 4, 100), (100, 4, 100), (u32::MAX, 5, u32::MAX), (0, 6, 0)]
    {
        let put = node.control.put(&node.service, "example.org", Master, text(given, last), None).await;
        // RFC 1982: the highest number is not after 100, and 0 is after the highest.
        let expected = if given == u32::MAX {
            101
        } else if last == 6 {
            102
        } else {
            expected
        };
        assert_eq!(put.unwrap().serial, expected, "{given}");
        assert_eq!(node.service.zones()[0].serial, expected);
    }
}
