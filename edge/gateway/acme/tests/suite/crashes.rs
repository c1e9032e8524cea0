//! A node that is killed at any point of an order: after each request that the authority carried out.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn whenever_it_is_killed_there_is_one_account_and_one_certificate() {
    let mut whole = None;
    for after in 0.. {
        let world = World::new();
        world.authority.known.lock().killed_after = Some(after);
        let gateway = world.gateway();
        let all = wanted(&settings(), &[("shop", &["a.test", "b.test"])]);
        gateway.acme.want(all.clone()).await;
        let seen = || world.authority.known.lock().seen.len();
        gateway.until("shop", |status| seen() > after || status.not_after.is_some()).await;
        let done = gateway.status("shop").not_after.is_some();
        drop(gateway);
        world.authority.known.lock().killed_after = None;
        let gateway = world.gateway();
        gateway.acme.want(all).await;
        gateway.good("shop").await;
        let known = world.authority.known.lock();
        assert_eq!(
            (known.accounts.len(), known.issued),
            (1, 1),
            "killed after request {after}: {:?}",
            known.seen
        );
        if done {
            whole = Some(after);
            break;
        }
    }
    // Directory, nonces, account, order, authorizations, proofs, looks, request, certificate.
    assert!(whole.is_some_and(|requests| requests > 10), "{whole:?}");
}
