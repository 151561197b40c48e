//! Messages byte by byte, read back with the decoder of the netlink module.

use super::*;
use crate::netlink::message::{attribute, attributes, messages, number16, text};

fn table() -> Table {
    Table {
        family: Family::Ipv4,
        name: "t".to_owned(),
    }
}

#[test]
fn a_batch_begins_ends_and_acknowledges_only_its_last_change() {
    let bytes = Batch::new()
        .add_table(&table())
        .flush_chain(&table(), "c")
        .datagram(5);
    let all: Vec<_> = messages(&bytes).collect();
    let heads: Vec<_> = all.iter().map(|m| (m.kind, m.flags, m.sequence)).collect();
    assert_eq!(
        heads,
        [
            (0x10, 1, 5),
            (0x0a00, 0x401, 6),
            (0x0a08, 5, 7),
            (0x11, 1, 8)
        ]
    );
    assert_eq!(all[0].body, [0, 0, 0, 10]);
}

#[test]
fn a_map_tells_the_types_and_lengths_of_its_parts() {
    const MAP: Map = Map {
        name: "published",
        key: &[DataType::Protocol, DataType::Port],
        value: &[DataType::Ipv4, DataType::Port],
    };
    let bytes = Batch::new().add_map(&table(), &MAP).datagram(1);
    let message = messages(&bytes).nth(1).expect("the change");
    let number = |kind| {
        attribute(&message.body[4..], kind)
            .map(|v| u32::from_be_bytes(v.try_into().expect("four bytes")))
    };
    assert_eq!(number(set::KEY_TYPE), Some(12 << 6 | 13));
    assert_eq!(number(set::DATA_TYPE), Some(7 << 6 | 13));
    assert_eq!(
        (number(set::KEY_LEN), number(set::DATA_LEN)),
        (Some(8), Some(8))
    );
    assert_eq!(number(set::FLAGS), Some(8));
}

#[test]
fn a_rule_is_a_list_of_named_steps() {
    let steps = [Expression::Translated, Expression::Masquerade];
    let bytes = Batch::new().add_rule(&table(), "c", &steps).datagram(1);
    let message = messages(&bytes).nth(1).expect("the change");
    let list = attribute(&message.body[4..], rule::EXPRESSIONS).expect("steps");
    let names: Vec<_> = attributes(list)
        .filter_map(|(_, step)| attribute(step, rule::EXPRESSION_NAME).map(text))
        .collect();
    assert_eq!(names, ["ct", "bitwise", "cmp", "masq"]);
    // The comparison is "not equal to zero", on the register that ct loaded.
    let (_, cmp) = attributes(list).nth(2).expect("the comparison");
    let data = attribute(cmp, rule::EXPRESSION_DATA).expect("its data");
    assert_eq!(attribute(data, 1), Some(&[0, 0, 0, 8][..]));
    assert_eq!(attribute(data, 2), Some(&[0, 0, 0, 1][..]));
}

#[test]
fn a_verdict_has_the_bytes_that_the_kernel_expects() {
    let bytes = Batch::new()
        .add_rule(&table(), "c", &[Expression::Accept])
        .datagram(1);
    let message = messages(&bytes).nth(1).expect("the change");
    #[rustfmt::skip]
    let expected: &[u8] = &[
        2, 0, 0, 0, // family, version, resource
        6, 0, 1, 0, b't', 0, 0, 0, // table
        6, 0, 2, 0, b'c', 0, 0, 0, // chain
        56, 0, 4, 0x80, // expressions
        52, 0, 1, 0x80, // an element
        14, 0, 1, 0, b'i', b'm', b'm', b'e', b'd', b'i', b'a', b't', b'e', 0, 0, 0, // its name
        32, 0, 2, 0x80, // its data
        8, 0, 1, 0, 0, 0, 0, 0, // register: verdict
        20, 0, 2, 0x80, // data
        16, 0, 2, 0x80, // verdict
        8, 0, 1, 0, 0, 0, 0, 1, // code: accept
    ];
    // The verdict's nest is 4 bytes of header and 8 of code.
    let mut expected = expected.to_vec();
    fix_lengths(&mut expected);
    assert_eq!(message.body, expected);
}

/// Sets the lengths of the nested headers above, from the inside out.
fn fix_lengths(bytes: &mut [u8]) {
    let end = bytes.len();
    for at in [20, 24, 44, 56, 60] {
        let length = u16::try_from(end - at).expect("small");
        bytes[at..at + 2].copy_from_slice(&length.to_ne_bytes());
    }
}

#[test]
fn many_elements_are_split_so_that_no_attribute_overflows() {
    let elements: Vec<_> = (0..1_000u16)
        .map(|n| Element {
            key: vec![6, 0, 0, 0, n.to_be_bytes()[0], n.to_be_bytes()[1], 0, 0],
            value: vec![10, 0, 0, 2, 0, 80, 0, 0],
            comment: "c".repeat(200),
        })
        .collect();
    let bytes = Batch::new()
        .add_elements(&table(), "published", &elements)
        .datagram(1);
    let mut seen = 0;
    for message in messages(&bytes).filter(|m| m.kind == message::NEW_ELEMENT) {
        let list = attribute(&message.body[4..], element::ELEMENTS).expect("elements");
        seen += attributes(list).count();
    }
    assert_eq!(seen, elements.len());
    assert!(number16(&bytes, 0).is_some());
}
