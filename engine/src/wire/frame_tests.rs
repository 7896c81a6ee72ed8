//! Where frames begin and end, and what a stream that lies or breaks off comes to.

use futures_util::StreamExt;
use proptest::prelude::*;
use tokio_util::codec::FramedRead;

use super::*;

fn message(json: &'static str) -> Frame {
    Frame::Message(Bytes::from_static(json.as_bytes()))
}

fn encoded(frames: &[Frame]) -> BytesMut {
    let mut stream = BytesMut::new();
    for frame in frames {
        FrameCodec::default().encode(frame.clone(), &mut stream).unwrap();
    }
    stream
}

/// What a reader gets that receives the stream in pieces that end at `cuts`.
fn decoded_in_pieces(stream: &[u8], cuts: &[usize]) -> (Vec<Frame>, Option<WireError>) {
    let (mut codec, mut buffer, mut frames, mut from) =
        (FrameCodec::default(), BytesMut::new(), Vec::new(), 0);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(stream.len());
    for cut in cuts {
        buffer.extend_from_slice(&stream[from..cut]);
        from = cut;
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    match codec.decode_eof(&mut buffer) {
        Ok(None) => (frames, None),
        Ok(Some(_)) => panic!("a whole frame was left in the buffer"),
        Err(error) => (frames, Some(error)),
    }
}

#[test]
fn a_chunk_is_told_by_the_top_bit_of_its_length() {
    let chunk = Frame::Chunk { transfer: 7, data: Bytes::from_static(b"ab") };
    let stream = encoded(std::slice::from_ref(&chunk));
    assert_eq!(&stream[..], b"\x80\0\0\x0a\0\0\0\0\0\0\0\x07ab");
    assert_eq!(decoded_in_pieces(&stream, &[]).0, [chunk]);
}

#[test]
fn a_length_over_the_limit_is_refused_before_anything_is_set_aside() {
    for header in [[0x7f, 0xff, 0xff, 0xff], [0xff; 4], [0x01, 0, 0, 1]] {
        let mut stream = BytesMut::from(&header[..]);
        let capacity = stream.capacity();
        let refused = FrameCodec::default().decode(&mut stream).unwrap_err();
        assert!(
            matches!(refused, WireError::Violation(Violation::FrameTooLong { limit: MAX_FRAME, .. })),
            "{refused:?}"
        );
        assert_eq!(stream.capacity(), capacity);
    }
}

#[test]
fn a_length_at_the_limit_passes_and_one_above_does_not() {
    let mut codec = FrameCodec::new(10);
    let mut stream = BytesMut::new();
    codec.encode(Frame::Message(Bytes::from_static(b"0123456789")), &mut stream).unwrap();
    assert!(codec.decode(&mut stream).unwrap().is_some());

    let refused = codec.encode(Frame::Message(Bytes::from_static(b"0123456789a")), &mut stream).unwrap_err();
    assert!(matches!(refused, WireError::TooLong { bytes: 11, limit: 10 }));
    let chunk = Frame::Chunk { transfer: 1, data: Bytes::from_static(b"abc") };
    assert!(matches!(codec.encode(chunk, &mut stream).unwrap_err(), WireError::TooLong { bytes: 11, .. }));
    assert!(stream.is_empty(), "what was refused left no trace");
}

#[test]
fn a_promise_of_16_mib_costs_a_chunk_of_memory() {
    let mut stream = BytesMut::from(&(u32::try_from(MAX_FRAME).unwrap().to_be_bytes())[..]);
    assert_eq!(FrameCodec::default().decode(&mut stream).unwrap(), None);
    assert!(stream.capacity() <= 2 * READ_AHEAD, "{}", stream.capacity());
}

#[test]
fn a_chunk_without_room_for_its_id_is_refused() {
    let mut stream = BytesMut::from(&b"\x80\0\0\x07\0\0\0\0\0\0\0"[..]);
    let refused = FrameCodec::default().decode(&mut stream).unwrap_err();
    assert!(matches!(refused, WireError::Violation(Violation::ChunkTooShort { bytes: 7 })));
}

#[test]
fn the_limit_grows_after_the_hello() {
    let mut codec = FrameCodec::new(MAX_HELLO_FRAME);
    let mut stream = encoded(&[Frame::Message(vec![b' '; MAX_HELLO_FRAME + 1].into())]);
    assert!(codec.decode(&mut stream).is_err());
    codec.set_limit(MAX_FRAME);
    assert!(codec.decode(&mut stream).unwrap().is_some());
}

#[tokio::test]
async fn a_torn_last_frame_is_told_from_a_clean_end_and_comes_after_all_whole_frames() {
    let whole = encoded(&[message("{}"), message("[1]")]);
    let read = |bytes: BytesMut| async move {
        let frames = FramedRead::new(std::io::Cursor::new(bytes), FrameCodec::default());
        frames.collect::<Vec<_>>().await
    };
    assert!(read(whole.clone()).await.iter().all(Result::is_ok));
    for torn_at in [1, 3, 4, 5] {
        let mut stream = whole.clone();
        stream.extend_from_slice(&encoded(&[message("{}")])[..torn_at]);
        let frames = read(stream).await;
        assert_eq!(frames.len(), 3);
        assert!(frames[..2].iter().all(Result::is_ok));
        let torn = frames[2].as_ref().unwrap_err();
        assert!(torn.is_torn());
        let want = (torn_at >= 4).then_some(6);
        assert!(matches!(torn, WireError::Torn { want: told, .. } if *told == want), "{torn:?}");
    }
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let data = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        data().prop_map(|bytes| Frame::Message(bytes.into())),
        (any::<u64>(), data()).prop_map(|(transfer, bytes)| Frame::Chunk { transfer, data: bytes.into() }),
    ]
}

proptest! {
    #[test]
    fn frames_survive_every_fragmentation(
        frames in prop::collection::vec(any_frame(), 0..8),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let (got, error) = decoded_in_pieces(&encoded(&frames), &cuts);
        prop_assert!(error.is_none());
        prop_assert_eq!(got, frames);
    }

    #[test]
    fn a_stream_that_is_cut_off_gives_its_whole_frames_and_then_says_so(
        frames in prop::collection::vec(any_frame(), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let stream = encoded(&frames);
        let cut = cut.index(stream.len());
        let mut ends = Vec::new();
        let mut end = 0;
        for frame in &frames {
            end += encoded(std::slice::from_ref(frame)).len();
            ends.push(end);
        }
        let whole = ends.iter().take_while(|&&end| end <= cut).count();
        let (got, error) = decoded_in_pieces(&stream[..cut], &cuts);
        prop_assert_eq!(&got[..], &frames[..whole]);
        prop_assert_eq!(error.is_some_and(|error| error.is_torn()), cut != 0 && !ends.contains(&cut));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic_or_hold_more_than_it_was_given(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        limit in 0_usize..300,
    ) {
        let mut codec = FrameCodec::new(limit);
        let mut stream = BytesMut::from(&bytes[..]);
        while let Ok(Some(frame)) = codec.decode(&mut stream) {
            let length = match frame {
                Frame::Message(message) => message.len(),
                Frame::Chunk { data, .. } => data.len() + TRANSFER_ID,
            };
            prop_assert!(length <= limit);
        }
        let _ = codec.decode_eof(&mut stream);
    }
}
