//! Payloads and sections: round trips are the stage's to check; here, bytes that are none.

use bole_base::Offset;
use bole_log::PayloadKind;
use bole_shard::{Section, State as _};
use proptest::prelude::*;

use super::{Effect, State, hash};

proptest! {
    #[test]
    fn any_payload_is_decoded_or_refused(kind in 0_u16..16, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(effect) = Effect::decode(PayloadKind(kind), 1, &bytes) {
            let mut again = Vec::new();
            effect.encode(&mut again);
            prop_assert_eq!(Effect::decode(PayloadKind(kind), 1, &again).unwrap(), effect.clone());
            let mut state = State::default();
            state.apply(Offset(0), &effect);
        }
    }

    #[test]
    fn any_section_is_restored_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        bytes.insert(0, 1);
        let mut state = State::default();
        let section = Section { start: 0, end: (1 << 54) - 1, offset: Offset(5) };
        let _outcome = state.restore(section, &bytes);
    }
}

#[test]
fn hashes_of_groups_are_frozen() {
    let rows = [
        ("", 0xF52A_15E9_A9B5_E89B),
        ("g", 0x73B5_D188_CC5F_B094),
        ("group-1", 0xC9A2_6E7C_9CE7_BD0D),
        ("\u{e4}", 0xE60A_42A1_8E38_1BCD),
    ];
    for (group, expected) in rows {
        assert_eq!(hash(group), expected, "{group:?}");
    }
}

#[test]
fn unknown_versions_are_refused() {
    for (kind, version) in [(0, 1), (14, 1), (1, 2)] {
        assert!(Effect::decode(PayloadKind(kind), version, b"\x01g").is_err());
    }
}
