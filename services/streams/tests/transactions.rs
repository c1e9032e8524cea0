//! What touches several shards at once, on a real journal: transactions, and dead letters of share groups, over restarts of every kind.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "transactions/dead_letters.rs"]
mod dead_letters;
#[path = "transactions/random.rs"]
mod random;
#[path = "transactions/world.rs"]
mod world;

use std::time::Duration;

use bole_streams::protocol::ErrorCode;
use bole_streams::transactions::{Status, timers};
use world::{Client, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_shows_records_and_offsets_together_and_an_abort_shows_nothing() {
    for bump in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let world = World::open(dir.path()).await;
        let mut client = Client::init(&world, "t", bump).await.unwrap();
        for (number, commit) in [(1, true), (2, false), (3, true), (4, false)] {
            for place in [(0, 0), (0, 1), (1, 0)] {
                client.write(&world, place, number).await.unwrap();
                client.write(&world, place, number).await.unwrap();
            }
            client.offset(&world, "g", number * 10).await.unwrap();
            let seen = world.committed_records().await;
            assert!(!seen.contains_key(&number), "{number} is open");
            assert!(world.is_unstable("g").await);
            client.end(&world, commit).await.unwrap();
            let seen = world.committed_records().await;
            assert_eq!(seen.get(&number), commit.then_some(&6), "{number}");
            assert_eq!(world.committed_offset("g").await, Some(if number < 3 { 10 } else { 30 }));
            world.check_quiet();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_producer_aborts_and_fences_the_older() {
    for bump in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let world = World::open(dir.path()).await;
        let mut zombie = Client::init(&world, "t", bump).await.unwrap();
        zombie.write(&world, (0, 0), 1).await.unwrap();
        zombie.offset(&world, "g", 5).await.unwrap();
        let mut client = Client::init(&world, "t", bump).await.unwrap();
        world.check_quiet();
        client.write(&world, (0, 0), 2).await.unwrap();
        // A late batch of the aborted transaction opens nothing, in whatever state its successor is.
        for _ in 0..2 {
            let late = zombie.write(&world, (0, 0), 1).await.map_err(|error| error.code());
            assert!(
                matches!(late, Err(ErrorCode::InvalidProducerEpoch | ErrorCode::ProducerFenced)),
                "{late:?}"
            );
            let late = zombie.offset(&world, "g", 6).await.map_err(|error| error.code());
            assert_eq!(late, Err(ErrorCode::ProducerFenced));
            let late = zombie.end(&world, true).await.map_err(|error| error.code());
            assert_eq!(late, Err(ErrorCode::ProducerFenced));
            if client.is_open() {
                client.end(&world, true).await.unwrap();
            }
        }
        assert_eq!(world.committed_records().await.into_iter().collect::<Vec<_>>(), [(2, 1)]);
        assert_eq!(world.committed_offset("g").await, None);
        world.check_quiet();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_needs_a_transaction_that_names_its_partition() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    let mut client = Client::init(&world, "t", false).await.unwrap();
    let refused = |outcome: Result<(), bole_streams::Error>| outcome.unwrap_err().code();
    assert_eq!(refused(client.write_unasked(&world, (0, 0), 1).await), ErrorCode::InvalidTxnState);
    client.write(&world, (0, 0), 1).await.unwrap();
    assert_eq!(refused(client.write_unasked(&world, (0, 1), 1).await), ErrorCode::InvalidTxnState);
    client.write_unasked(&world, (0, 0), 1).await.unwrap();
    client.end(&world, true).await.unwrap();
    assert_eq!(refused(client.write_unasked(&world, (0, 0), 1).await), ErrorCode::InvalidTxnState);
    let mut stranger = client.clone();
    stranger.id = "nobody".into();
    assert_eq!(refused(stranger.write_unasked(&world, (0, 0), 1).await), ErrorCode::InvalidProducerIdMapping);
    world.check_quiet();
    assert_eq!(world.committed_records().await.into_iter().collect::<Vec<_>>(), [(1, 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_time_out_also_after_a_restart_and_ids_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    for restart in [false, true] {
        let mut world = World::open(dir.path()).await;
        let mut client = Client::init(&world, "t", true).await.unwrap();
        client.write(&world, (1, 1), 1).await.unwrap();
        client.offset(&world, "g", 5).await.unwrap();
        world.clock.advance(Duration::from_millis(world::TIMEOUT_MS as u64 - 1));
        timers::round(&world.service).await;
        assert_eq!(world.status("t"), Some(Status::Ongoing));
        if restart {
            world = world.restart(false).await;
            assert_eq!(world.status("t"), Some(Status::Ongoing));
        }
        world.clock.advance(Duration::from_millis(1));
        timers::round(&world.service).await;
        assert_eq!(world.status("t"), Some(Status::Aborted));
        world.check_quiet();
        let late = client.end(&world, true).await.map_err(|error| error.code());
        assert_eq!(late, Err(ErrorCode::ProducerFenced));
        assert!(world.committed_records().await.is_empty());
        assert_eq!(world.committed_offset("g").await, None);
        world.clock.advance(Duration::from_hours(8 * 24));
        timers::round(&world.service).await;
        assert_eq!(world.status("t"), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_goes_takes_its_part_of_a_transaction_along() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    let mut client = Client::init(&world, "t", true).await.unwrap();
    client.write(&world, (0, 0), 1).await.unwrap();
    client.write(&world, (1, 0), 1).await.unwrap();
    world.service.topics.delete(world::TOPICS[0].0).await.unwrap();
    client.end(&world, true).await.unwrap();
    assert_eq!(world.committed_records().await.into_iter().collect::<Vec<_>>(), [(1, 1)]);
    world.check_quiet();
}
