//! A transaction that is told to wait for journal space really waits, holds nothing meanwhile, and succeeds when there is room.

use std::future::Future as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bole_base::{Clock, Disk};
use bole_log::{Journal, LocalJournal};
use bole_shard::{Error, Runtime};
use bole_testing::scheduler::Scheduler;
use bole_testing::{FaultDisk, Faults};

#[test]
fn waiting_for_space_waits_and_holds_nothing() {
    let disk: Arc<dyn Disk> = FaultDisk::new(1, Faults::none());
    let clock: Arc<dyn Clock> = Scheduler::new(1).clock();
    let config = bole_wal::Config { queue_bytes_max: 16 << 10, ..bole_wal::Config::small() };
    let opened =
        LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), Path::new("journal"), config).unwrap();
    let local = Arc::new(opened);
    local.wal().make_space().unwrap();
    let journal: Arc<dyn Journal> = Arc::clone(&local) as Arc<_>;
    let config = bole_shard::runtime::Config::default();
    let runtime = Runtime::new(Arc::clone(&journal), disk, clock, "checkpoints".into(), config);

    let held_before = local.wal().usage().queued_bytes;
    let mut transaction = runtime.transaction();
    transaction.reserve(6_000).unwrap();
    // Somebody else takes the rest of the queue.
    let others = (16 << 10) - local.wal().usage().queued_bytes;
    assert!(journal.try_admit(others).unwrap());
    let Err(Error::Wait { bytes }) = transaction.reserve(8_000) else { panic!("there is no room for more") };
    let held = local.wal().usage().queued_bytes - held_before - others;
    {
        let mut admission = pin!(transaction.admit(bytes as usize));
        let mut context = Context::from_waker(Waker::noop());
        assert!(
            admission.as_mut().poll(&mut context).is_pending(),
            "it does not wait although there is no room"
        );
        assert_eq!(held, 0, "it holds space while it waits");
        journal.return_admitted(others);
        assert!(matches!(admission.as_mut().poll(&mut context), Poll::Ready(Ok(()))), "there is room");
    }
    transaction.reserve(8_000).unwrap();
}
