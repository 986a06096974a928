//! Cases, tokens and JSON: every case reads back as itself, and no text makes the parser panic.

use proptest::collection::vec;
use proptest::prelude::*;

use journal_core::Survivors;
use simulator::case::{CASE_VERSION, Case};
use simulator::choose::{Decision, Label, Torn, What};
use simulator::disk::contract::{
    CacheOrder, Contract, Flush, Fua, InnerTear, TearShape, TornContents,
};
use simulator::disk::{Fault, FaultKind, Fill};
use simulator::workload::{Identity, Life, Op, Payloads, Workload};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        any::<u32>().prop_map(Op::Append),
        Just(Op::EndGroup),
        Just(Op::Commit),
        any::<u32>().prop_map(Op::Checkpoint),
    ]
}

fn workload() -> impl Strategy<Value = Workload> {
    let resume = prop_oneof![Just(Survivors::Carry), Just(Survivors::Forget)];
    let life = (resume, vec(op(), 0..6)).prop_map(|(resume, ops)| Life { resume, ops });
    let identity = prop_oneof![Just(Identity::Fresh), Just(Identity::SameAgain)];
    let given = vec(vec(any::<u8>(), 0..9), 0..4).prop_map(Payloads::Given);
    let payloads = prop_oneof![Just(Payloads::Generated), given];
    (vec(op(), 0..6), vec(life, 1..4), identity, payloads).prop_map(
        |(before, lives, identity, payloads)| Workload { before, lives, identity, payloads },
    )
}

fn torn() -> impl Strategy<Value = Torn> {
    prop_oneof![
        any::<u16>().prop_map(Torn::Prefix),
        any::<u16>().prop_map(Torn::Suffix),
        any::<u64>().prop_map(Torn::Mosaic),
        Just(Torn::Zeros),
        Just(Torn::Ones),
        any::<u8>().prop_map(Torn::Garbage),
        Just(Torn::Unreadable),
    ]
}

fn decision() -> impl Strategy<Value = Decision> {
    let what = prop_oneof![
        Just(What::Cut),
        Just(What::Fault),
        (any::<u32>(), any::<u32>()).prop_map(|(life, call)| What::CutHere { life, call, left: 0 }),
        (any::<u32>(), any::<u64>()).prop_map(|(cut, lba)| What::Sector { cut, lba, whole: 0 }),
    ];
    let is = prop_oneof![
        any::<u32>().prop_map(Label::Index),
        Just(Label::Old),
        any::<u32>().prop_map(Label::Write),
        (any::<u32>(), torn()).prop_map(|(write, how)| Label::Torn { write, how, below: None }),
        Just(Label::Latent),
    ];
    (what, is).prop_map(|(what, is)| Decision { what, is })
}

prop_compose! {
    /// Any contract that can be written down, valid or not.
    fn contract()(
        name in ".*",
        sizes in any::<[u32; 8]>(),
        order in prop_oneof![
            Just(CacheOrder::WriteThrough), Just(CacheOrder::Prefix), Just(CacheOrder::Epoch),
            Just(CacheOrder::Any), any::<u32>().prop_map(CacheOrder::Window),
        ],
        tear_shape in prop_oneof![
            Just(TearShape::Prefix), Just(TearShape::PrefixOrSuffix), Just(TearShape::Any),
        ],
        inner_tear in prop_oneof![
            Just(InnerTear::Never), any::<u32>().prop_map(InnerTear::Linear),
            any::<u32>().prop_map(InnerTear::Any),
        ],
        flush in prop_oneof![
            Just(Flush::Honoured), Just(Flush::BarrierOnly), Just(Flush::Ignored),
        ],
        fua in prop_oneof![Just(Fua::Native), Just(Fua::PostFlush), Just(Fua::Ignored)],
        bits in any::<[bool; 6]>(),
        later in any::<[Option<u32>; 5]>(),
    ) -> Contract {
        Contract {
            logical_bytes: sizes[0],
            physical_bytes: sizes[1],
            atomic_bytes: sizes[2],
            page_bytes: sizes[3],
            damage_max: sizes[4],
            bit_flips: sizes[5],
            latent_errors: sizes[6],
            torn: TornContents {
                unreadable: bits[0], zeros: bits[1], ones: bits[2], garbage: bits[3],
                stale: bits[5],
            },
            neighbours: bits[4],
            domain_bytes: later[0].unwrap_or(0),
            late_calls: later[1].unwrap_or(0),
            store_bytes: later[2].unwrap_or(0),
            rollback_max: later[3].unwrap_or(0),
            lost_writes_max: later[4].unwrap_or(0),
            order, tear_shape, inner_tear, flush, fua,
            ..Contract::base(&name)
        }
    }
}

prop_compose! {
    fn case()(
        journal in ".*",
        contract in contract(),
        device_bytes in any::<u64>(),
        fill in prop_oneof![Just(Fill::Zeros), Just(Fill::Ones), Just(Fill::Noise)],
        workload in workload(),
        fault in proptest::option::of((any::<u32>(), prop_oneof![
            Just(FaultKind::Error), Just(FaultKind::ErrorButDone), Just(FaultKind::NoSpace),
        ])),
        decisions in vec(decision(), 0..6),
    ) -> Case {
        let fault = fault.map(|(operation, kind)| Fault { operation, kind });
        Case {
            version: CASE_VERSION, journal, contract, device_bytes, fill, workload, fault,
            decisions,
        }
    }
}

/// base64url as in RFC 4648 without padding, written again here: the tests make tokens of their
/// own.
fn base64url(bytes: &[u8]) -> String {
    let digits: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let bits: Vec<u8> = bytes.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    let digit = |six: &[u8]| {
        let value = (0..6).fold(0, |value, i| value << 1 | six.get(i).copied().unwrap_or(0));
        digits[usize::from(value)]
    };
    bits.chunks(6).map(digit).collect()
}

/// A token whose checksum is right, around any bytes.
fn token_of(mut bytes: Vec<u8>) -> String {
    let sum = journal_core::checksum::crc32c(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    format!("tw1-{}", base64url(&bytes))
}

proptest! {
    #[test]
    fn every_case_reads_back_from_its_token_and_its_json(case in case()) {
        prop_assert_eq!(&Case::parse(&case.token()).unwrap(), &case);
        prop_assert_eq!(&Case::parse(&case.json()).unwrap(), &case);
    }

    #[test]
    fn a_workload_reads_back_from_json(workload in workload()) {
        let json = serde_json::to_string(&workload).unwrap();
        prop_assert_eq!(serde_json::from_str::<Workload>(&json).unwrap(), workload);
    }

    #[test]
    fn any_text_is_taken_or_refused(text in ".*") {
        let _ = Case::parse(&text);
        let _ = Case::parse(&format!("tw1-{text}"));
        let _ = Case::parse(&format!("tw2-{text}"));
        let _ = text.parse::<Label>();
        let _ = text.parse::<What>();
    }

    #[test]
    fn any_bytes_under_a_right_checksum_are_taken_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Case::parse(&token_of(bytes));
    }

    #[test]
    fn a_damaged_token_is_refused(case in case(), at in any::<prop::sample::Index>()) {
        let token = case.token();
        let mut bytes = token.clone().into_bytes();
        let at = "tw1-".len() + at.index(bytes.len() - "tw1-".len());
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let damaged = String::from_utf8(bytes).unwrap();
        // The last digit may hold bits that belong to no byte.
        let same = Case::parse(&damaged).is_ok_and(|read| read == case);
        prop_assert!(Case::parse(&damaged).is_err() || (same && at + 1 == damaged.len()));
    }

    #[test]
    fn json_with_one_piece_changed_is_taken_or_refused(
        case in case(),
        at in any::<prop::sample::Index>(),
        piece in prop_oneof![Just("0"), Just("-1"), Just("["), Just("null"), Just("\"\""), Just("9e99")],
    ) {
        let json = case.json();
        let places: Vec<usize> = json.char_indices().map(|(i, _)| i).collect();
        let at = places[at.index(places.len())];
        let _ = Case::parse(&format!("{}{piece}{}", &json[..at], &json[at..]));
    }
}

#[test]
fn deep_nesting_is_refused_without_recursion_to_the_end() {
    for open in ["[", "{\"a\":"] {
        assert!(Case::parse(&open.repeat(100_000)).is_err());
    }
}
