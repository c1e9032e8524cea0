//! What goes on beside clients: chunks move to the home of new ones, and what nothing names is removed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bole_base::Kind;
use bole_blobs::migrate::{Cursor, Stray};
use bole_blobs::reclaim::Place;
use bole_blobs::rows::keys::{GARBAGE, read_garbage};
use bole_blobs::state::Blobs;
use bole_testing::Rng;
use bole_testing::scheduler::Handle;

use super::Flaw;

/// Moves chunks to the home of new ones, as a task, when the sweep is through.
pub(super) fn spawn_mover(scheduler: &Handle, blobs: &Blobs, swept: &Rc<Cell<bool>>, seed: u64) {
    let (handle, blobs, swept) = (scheduler.clone(), blobs.clone(), Rc::clone(swept));
    let mut rng = Rng::new(seed ^ 2);
    scheduler.spawn("mover", async move {
        let mut cursor = Cursor::default();
        loop {
            handle.sleep(Duration::from_micros(50 + rng.below(2_000))).await;
            let found = if swept.get() { blobs.strays(&mut cursor) } else { continue };
            let Ok(mut strays) = found else { continue };
            strays.truncate(1 + rng.below(3) as usize);
            let copied: Vec<Stray> = strays.into_iter().filter(|stray| blobs.copy(stray).is_ok()).collect();
            handle.sleep(Duration::from_micros(rng.below(200))).await;
            if let Err(error) = blobs.moved(&copied).await
                && error.kind() != Kind::Full
            {
                handle.event(format_args!("the mover gives up: {error}"));
                return;
            }
        }
    });
}

/// Reclaimer and sweep, as a task. Where chunks move, it sweeps only before.
pub(super) fn spawn_reclaimer<const FLAW: u8>(
    scheduler: &Handle,
    blobs: &Blobs,
    sweeps: impl Fn() -> bool + 'static,
    seed: u64,
) {
    let (handle, blobs) = (scheduler.clone(), blobs.clone());
    let mut rng = Rng::new(seed ^ 1);
    scheduler.spawn("reclaimer", async move {
        let mut place = Place::default();
        loop {
            handle.sleep(Duration::from_micros(50 + rng.below(2_000))).await;
            if rng.one_in(3) && sweeps() {
                let _swept = blobs.sweep(rng.below(16) as u8);
            }
            let garbage = if FLAW == Flaw::RECLAIM_EARLY {
                let all = blobs.look(|plan| plan.all(GARBAGE, &[])).map(|all| all.value);
                all.map(|all| all.iter().filter_map(|(row, _)| read_garbage(row)).collect())
            } else {
                blobs.garbage(&mut place)
            };
            let Ok(garbage) = garbage else { continue };
            handle.sleep(Duration::from_micros(10)).await;
            let removed = blobs.remove(garbage);
            handle.sleep(Duration::from_micros(10)).await;
            if let Err(error) = blobs.gone(&removed).await
                && error.kind() != Kind::Full
            {
                handle.event(format_args!("the reclaimer gives up: {error}"));
                return;
            }
        }
    });
}
