//! Policies decide as their definition, whatever they are made of.

use proptest::collection::vec;
use proptest::num::u8::ANY;
use proptest::proptest;

proptest! {
    #[test]
    fn policies_decide_as_their_definition(bytes in vec(ANY, 0..120)) {
        crate::rules::policy::model::check(&bytes);
    }
}
