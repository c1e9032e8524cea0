//! What a round draws from the seed: which dangers it meets, and how it ends.

use super::{Crash, Dangers, Options};
use crate::fault_disk::BitFlips;
use crate::{FaultDisk, Faults, Rng};

/// Operations of the disk within which an appointed fault strikes: a round may have a few or hundreds.
const FAULT_WITHIN: [u64; 3] = [4, 16, 64];
/// Changes of the disk within which a recovery is cut.
const RECOVERY_CUT_WITHIN: u64 = 25;
/// Space that is left to a system whose disk fills up.
const LAST_SPACE_MAX: u64 = 256 * 1024;

/// How the working part of a round ends.
pub(super) struct Plan {
    /// How the process ends, if the power does not fail before.
    pub(super) crash: Crash,
    /// After which step, unless it ends in good order.
    pub(super) steps: u64,
    /// Whether the disk is made to fill up.
    pub(super) fills: bool,
}

/// Draws a round and sets its faults.
pub(super) fn draw(options: &Options, disk: &FaultDisk, rng: &mut Rng) -> Plan {
    let dangers = options.dangers;
    let crash = match rng.below(8) {
        0 => Crash::Clean,
        1 | 2 => Crash::Kill,
        _ if dangers.power_cuts => Crash::PowerCut,
        _ => Crash::Kill,
    };
    // Many crashes come early: what recovery left undone shows only before the first sync after it.
    let steps_max = options.crash_steps_max / *rng.pick(&[1, 1, 8, 64]);
    let steps = rng.below(steps_max.max(2));
    let mut faults = calm(options);
    appoint(&mut faults, dangers, disk, rng);
    let fills = dangers.full_disk && rng.one_in(6);
    if fills {
        faults.capacity = disk.space_taken() + rng.below(LAST_SPACE_MAX);
    }
    disk.set_faults(|current| *current = faults);
    Plan { crash, steps, fills }
}

fn appoint(faults: &mut Faults, dangers: Dangers, disk: &FaultDisk, rng: &mut Rng) {
    let counters = disk.counters();
    let mut within = |danger: bool, one_in: u32, from: u64| {
        let within = *rng.pick(&FAULT_WITHIN);
        (danger && rng.one_in(one_in)).then(|| from + 1 + rng.below(within))
    };
    faults.write_error_at = within(dangers.write_errors, 8, counters.writes);
    faults.sync_error_at = within(dangers.sync_errors, 4, counters.syncs);
    faults.power_off_at = within(dangers.power_cuts && dangers.power_cuts_inside_steps, 4, counters.changes);
    if dangers.silent_damage {
        faults.stale_sector_one_in = if rng.one_in(4) { 50 } else { 0 };
        if rng.one_in(4) {
            let range = 0..1 << 20;
            faults.bit_flips =
                vec![BitFlips { path_contains: String::new(), range, one_in: 20, durable: rng.one_in(2) }];
        }
    }
}

/// The faults that are on while a system opens and is looked at. Bit flips stay on, they are what opening must notice.
pub(super) fn calm(options: &Options) -> Faults {
    let short_read_one_in = if options.dangers.short_reads { 4 } else { options.faults.short_read_one_in };
    Faults { short_read_one_in, ..options.faults.clone() }
}

/// Sets the faults of an opening; `disturbed` ones may be cut.
pub(super) fn draw_opening(options: &Options, disk: &FaultDisk, disturbed: bool, rng: &mut Rng) {
    let mut faults = calm(options);
    faults.bit_flips = disk.faults().bit_flips;
    let cuts = options.dangers.crashes_in_recovery && options.dangers.power_cuts;
    if disturbed && cuts && rng.one_in(3) {
        faults.power_off_at = Some(disk.counters().changes + 1 + rng.below(RECOVERY_CUT_WITHIN));
    }
    disk.set_faults(|current| *current = faults);
}
