//! Long text finds its way, and transfers keep their order and their bounds.

use proptest::prelude::*;

use super::*;
use crate::wire::error::Violation;
use crate::wire::frame::Frame;
use crate::wire::messages::Execute;

fn named(transfer: u64, bytes: u64) -> TransferRef {
    TransferRef { transfer, bytes }
}

fn transfer_error<T: fmt::Debug>(result: Result<T, WireError>) -> TransferError {
    match result.unwrap_err() {
        WireError::Violation(Violation::Transfer(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn text_of_one_mebibyte_stays_inside_and_one_byte_more_goes_beside() {
    let mut splitter = Splitter::default();
    let mut at_limit = Text::from("x".repeat(MAX_INLINE));
    assert!(splitter.split(&mut at_limit).is_empty());
    assert_eq!(at_limit.as_str().map(str::len), Some(MAX_INLINE));

    let mut above = Text::from("x".repeat(MAX_INLINE + 1));
    let sizes: Vec<_> = splitter
        .split(&mut above)
        .into_iter()
        .map(|frame| match frame {
            Frame::Chunk { transfer, data } => (transfer, data.len()),
            Frame::Message(_) => panic!("no message is made here"),
        })
        .collect();
    assert_eq!(sizes, [(1, MAX_INLINE), (1, 1)]);
    assert_eq!(above, Text::Transfer(named(1, MAX_INLINE as u64 + 1)));
}

#[test]
fn a_message_finds_its_long_text_again() {
    let code = "ä".repeat(MAX_INLINE);
    let mut execute = Execute::new(1, "exe_1", code.clone());
    let mut transfers = Transfers::default();
    for frame in Splitter::default().split(&mut execute) {
        let Frame::Chunk { transfer, data } = frame else { panic!("only chunks") };
        transfers.chunk(transfer, &data).unwrap();
    }
    assert_eq!(transfers.held(), code.len());
    let mut read: Execute = serde_json::from_value(serde_json::to_value(&execute).unwrap()).unwrap();
    transfers.resolve(&mut read).unwrap();
    assert_eq!(read.code.into_string().unwrap(), code);
    assert_eq!(transfers.held(), 0);
}

#[test]
fn a_transfer_that_never_came_is_unknown_and_one_that_was_named_is_used() {
    let mut transfers = Transfers::default();
    assert_eq!(transfer_error(transfers.take(named(5, 1))), TransferError::Unknown { transfer: 5 });
    transfers.chunk(5, b"x").unwrap();
    assert_eq!(transfers.take(named(5, 1)).unwrap(), b"x");
    assert_eq!(transfer_error(transfers.take(named(5, 1))), TransferError::Used { transfer: 5 });
    assert_eq!(transfer_error(transfers.chunk(5, b"x")), TransferError::Used { transfer: 5 });
    assert_eq!(transfer_error(transfers.chunk(4, b"x")), TransferError::Used { transfer: 4 });
    assert_eq!(transfer_error(transfers.take(named(6, 1))), TransferError::Unknown { transfer: 6 });
}

#[test]
fn transfers_may_interleave() {
    let mut transfers = Transfers::default();
    for (transfer, data) in [(1, b"a"), (2, b"x"), (1, b"b"), (2, b"y")] {
        transfers.chunk(transfer, data).unwrap();
    }
    assert_eq!(transfers.take(named(2, 2)).unwrap(), b"xy");
    assert_eq!(transfers.take(named(1, 2)).unwrap(), b"ab");
}

#[test]
fn a_wrong_count_is_refused_both_ways() {
    for told in [0, 1, 3, u64::MAX] {
        let mut transfers = Transfers::default();
        transfers.chunk(1, b"ab").unwrap();
        let refused = transfer_error(transfers.take(named(1, told)));
        assert_eq!(refused, TransferError::Length { transfer: 1, have: 2, told });
        assert_eq!(transfers.held(), 0, "what was refused is not kept");
    }
}

#[test]
fn what_nobody_names_is_bounded_in_bytes() {
    let mut transfers = Transfers::new(10);
    transfers.chunk(1, b"123456").unwrap();
    transfers.chunk(2, b"7890").unwrap();
    let full = TransferError::TooMuch { limit: 10, unit: "bytes" };
    assert_eq!(transfer_error(transfers.chunk(2, b"x")), full);
    assert_eq!(transfer_error(transfers.chunk(3, b"x")), full);
    transfers.take(named(1, 6)).unwrap();
    transfers.chunk(3, b"123456").unwrap();
    assert_eq!(transfers.held(), 10);
}

#[test]
fn what_nobody_names_is_bounded_in_number() {
    let mut transfers = Transfers::default();
    for transfer in 1..=MAX_UNNAMED_TRANSFERS as u64 {
        transfers.chunk(transfer, b"x").unwrap();
    }
    let full = TransferError::TooMuch { limit: MAX_UNNAMED_TRANSFERS, unit: "transfers" };
    assert_eq!(transfer_error(transfers.chunk(5000, b"x")), full);
    transfers.chunk(1, b"y").unwrap();
    assert_eq!(transfer_error(transfers.chunk(5001, b"")), TransferError::Empty { transfer: 5001 });
}

#[test]
fn bytes_that_are_no_text_are_refused_where_text_stands() {
    let mut transfers = Transfers::default();
    transfers.chunk(1, b"\xff").unwrap();
    let mut text = Text::Transfer(named(1, 1));
    assert_eq!(transfer_error(transfers.resolve(&mut text)), TransferError::NotUtf8 { transfer: 1 });
}

#[test]
fn text_that_was_not_looked_up_is_not_mistaken_for_empty() {
    let text = Text::Transfer(named(9, 1));
    assert_eq!(transfer_error(text.into_string()), TransferError::Unresolved { transfer: 9 });
}

#[test]
fn text_of_a_wrong_shape_is_refused() {
    for json in [
        "null",
        "7",
        "[]",
        "{}",
        r#"{"transfer":1}"#,
        r#"{"transfer":1,"transfer":2,"bytes":3}"#,
        r#""\ud800""#,
    ] {
        assert!(serde_json::from_str::<Text>(json).is_err(), "{json}");
    }
    assert!(serde_json::from_str::<Text>(r#"{"transfer":1,"bytes":2,"later":3}"#).is_ok());
}

proptest! {
    #[test]
    fn whatever_chunks_and_names_come_the_count_of_what_is_held_is_exact(
        steps in prop::collection::vec((any::<bool>(), 0_u64..6, 0_usize..5), 0..60),
    ) {
        let mut transfers = Transfers::new(12);
        let mut model: std::collections::BTreeMap<u64, usize> = std::collections::BTreeMap::new();
        for (is_chunk, transfer, size) in steps {
            if is_chunk {
                if transfers.chunk(transfer, &vec![b'x'; size]).is_ok() {
                    *model.entry(transfer).or_default() += size;
                }
            } else {
                let taken = transfers.take(named(transfer, size as u64));
                let was = model.remove(&transfer);
                prop_assert_eq!(taken.ok().map(|bytes| bytes.len()), was.filter(|&was| was == size));
            }
            prop_assert_eq!(transfers.held(), model.values().sum::<usize>());
            prop_assert!(transfers.held() <= 12);
        }
    }
}
