//! Who is denied hears it once what the denial shows is durable (promise P2).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use bole_log::MemoryJournal;

use crate::client::ask;
use crate::node::Node;
use crate::requests::{done, with_node};

/// Fsyncs a journal as long as it may.
struct Syncing {
    may: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
}

impl Syncing {
    fn start(journal: &Arc<MemoryJournal>) -> Self {
        let (may, is_over) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let (journal, flags) = (Arc::clone(journal), (Arc::clone(&may), Arc::clone(&is_over)));
        thread::spawn(move || {
            while !flags.1.load(Ordering::Relaxed) {
                if flags.0.load(Ordering::Relaxed) {
                    journal.sync();
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self { may, is_over }
    }
}

impl Drop for Syncing {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_waits_for_what_it_saw() {
    let journal = Arc::new(MemoryJournal::by_hand());
    let syncing = Syncing::start(&journal);
    let node = Node::start_on(Arc::clone(&journal)).await;
    let address = node.address;
    let run = move || {
        done(ask("PUT", "/web").send(address));
        done(ask("PUT", "/web/k").body("k").send(address));
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::web/*"}]}"#;
        done(ask("PUT", "/web?policy").body(policy).send(address));
        let requests: [fn() -> crate::client::Ask<'static>; 2] = [
            || ask("GET", "/web/k").anonymous(),
            || ask("POST", "/web?delete").anonymous().body("<Delete><Object><Key>k</Key></Object></Delete>"),
        ];
        assert_eq!(requests[0]().send(address).status, 200);
        let end = journal.end();
        syncing.may.store(false, Ordering::Relaxed);
        let delete = thread::spawn(move || ask("DELETE", "/web?policy").send(address).status);
        while journal.end() == end {
            thread::sleep(Duration::from_millis(1));
        }
        let (tell, told) = channel();
        for request in requests {
            let tell = tell.clone();
            thread::spawn(move || tell.send(request().send(address)));
        }
        let early = told.recv_timeout(Duration::from_millis(300)).map(|answer| answer.text());
        assert_eq!(early, Err(RecvTimeoutError::Timeout));
        syncing.may.store(true, Ordering::Relaxed);
        for _ in 0..2 {
            let answer = told.recv().unwrap();
            assert!(answer.status == 403 || answer.text().contains("AccessDenied"), "{}", answer.text());
        }
        assert_eq!(delete.join().unwrap(), 204);
    };
    tokio::task::spawn_blocking(run).await.unwrap();
    drop(node);
}

/// What is kept in memory of a bucket is what was put last, whatever the bucket was before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_a_bucket_follows_its_changes() {
    with_node(|address, _| {
        let policy = |effect: &str, who: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":{who},"Action":"s3:GetObject","Resource":"arn:aws:s3:::known/*"}}]}}"#
            )
        };
        let seen = |who: fn() -> crate::client::Ask<'static>| who().send(address).status;
        let (mine, anybodys): (fn() -> _, fn() -> _) =
            (|| ask("GET", "/known/k"), || ask("GET", "/known/k").anonymous());
        for _ in 0..2 {
            assert_eq!(seen(mine), 404);
            done(ask("PUT", "/known").send(address));
            done(ask("PUT", "/known/k").body("k").send(address));
            assert_eq!((seen(mine), seen(anybodys)), (200, 403));
            done(ask("PUT", "/known?policy").body(policy("Allow", r#""*""#)).send(address));
            assert_eq!((seen(mine), seen(anybodys)), (200, 200));
            done(ask("PUT", "/known?policy").body(policy("Deny", r#""*""#)).send(address));
            assert_eq!((seen(mine), seen(anybodys)), (403, 403));
            done(ask("DELETE", "/known?policy").send(address));
            assert_eq!((seen(mine), seen(anybodys)), (200, 403));
            done(ask("DELETE", "/known/k").send(address));
            assert_eq!(seen(mine), 404);
            done(ask("DELETE", "/known").send(address));
        }
    })
    .await;
}
