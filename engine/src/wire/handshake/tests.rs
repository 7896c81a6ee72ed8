//! Two sides come to terms with one secret, and in no other way.

use super::*;

const DIGEST: &str = "0c";

fn secret() -> Secret {
    Secret::from_bytes(std::array::from_fn(|index| u8::try_from(index).unwrap()))
}

fn challenge() -> Challenge {
    Challenge { protocol: 1, digest: DIGEST.into(), nonce: "00112233445566778899aabbccddeeff".into() }
}

fn host() -> HostHello {
    HostHello::session(1, DIGEST, Nonce::from_bytes([0xa5; 16]), "ses_1", SessionOptions::default()).unwrap()
}

fn welcome(proof: String) -> Welcome {
    Welcome {
        protocol: 1,
        digest: DIGEST.into(),
        python: "3.11.7".into(),
        implementation: "cpython".into(),
        pid: 12,
        restored: None,
        adopted: None,
        features: vec![],
        proof,
    }
}

#[test]
fn two_sides_with_one_secret_come_to_terms() {
    let (hello, expected) = host().answer(&secret(), &challenge()).unwrap();
    verify_hello(&secret(), &challenge(), &hello).unwrap();
    let proof = welcome_proof(&secret(), &challenge(), &hello).unwrap();
    expected.verify(&secret(), &welcome(proof)).unwrap();
}

#[test]
fn a_side_with_another_secret_is_found_out() {
    let other = Secret::from_bytes([9; 32]);
    let (hello, expected) = host().answer(&secret(), &challenge()).unwrap();
    assert!(matches!(verify_hello(&other, &challenge(), &hello), Err(HandshakeError::Proof)));
    let proof = welcome_proof(&other, &challenge(), &hello).unwrap();
    assert!(matches!(expected.verify(&secret(), &welcome(proof)), Err(HandshakeError::Proof)));
}

#[test]
fn the_hosts_own_proof_sent_back_proves_nothing() {
    let (hello, expected) = host().answer(&secret(), &challenge()).unwrap();
    let echoed = welcome(hello.proof);
    assert!(matches!(expected.verify(&secret(), &echoed), Err(HandshakeError::Proof)));
}

#[test]
fn a_proof_holds_for_its_role_session_and_nonces_only() {
    let (hello, _) = host().answer(&secret(), &challenge()).unwrap();
    let altered = [
        Hello { role: Role::Control, ..hello.clone() },
        Hello { session: Some("ses_2".into()), ..hello.clone() },
        Hello { session: None, ..hello.clone() },
        Hello { nonce: "b".repeat(32), ..hello.clone() },
        Hello { proof: String::new(), ..hello.clone() },
        Hello { proof: hello.proof[..62].into(), ..hello.clone() },
        Hello { proof: format!("{}00", hello.proof), ..hello.clone() },
    ];
    for hello in altered {
        let checked = verify_hello(&secret(), &challenge(), &hello);
        assert!(matches!(checked, Err(HandshakeError::Proof)), "{hello:?}");
    }
    let replayed = Challenge { nonce: "f".repeat(32), ..challenge() };
    assert!(matches!(verify_hello(&secret(), &replayed, &hello), Err(HandshakeError::Proof)));
}

#[test]
fn another_version_or_runner_is_told_before_anything_is_proved() {
    let newer = Challenge { protocol: 2, ..challenge() };
    let refused = host().answer(&secret(), &newer).unwrap_err();
    assert!(matches!(refused, HandshakeError::Version { ours: 1, theirs: 2 }));
    assert_eq!(refused.explain().code, "transport.version");

    let changed = Challenge { digest: "0d".into(), ..challenge() };
    let refused = host().answer(&secret(), &changed).unwrap_err();
    assert!(matches!(refused, HandshakeError::Digest { .. }));
    assert!(!refused.explain().how.is_empty());

    let (hello, expected) = host().answer(&secret(), &challenge()).unwrap();
    let proof = welcome_proof(&secret(), &challenge(), &hello).unwrap();
    let changed = Welcome { digest: "0d".into(), ..welcome(proof) };
    assert!(matches!(expected.verify(&secret(), &changed), Err(HandshakeError::Digest { .. })));
}

#[test]
fn nonces_of_the_wrong_shape_are_refused() {
    for nonce in ["", "0", &"0".repeat(33), &"g".repeat(32), &"ä".repeat(16)] {
        let challenge = Challenge { nonce: nonce.into(), ..challenge() };
        assert!(matches!(host().answer(&secret(), &challenge), Err(HandshakeError::Hex { digits: 32 })));
    }
}

#[test]
fn session_ids_reach_paths_and_so_are_plain() {
    for session in ["a", "ses_01J", &"x".repeat(64), "A-z_9"] {
        assert!(check_session_id(session).is_ok(), "{session}");
    }
    for session in ["", "a/b", "..", "a b", "a\n", "ä", &"x".repeat(65)] {
        assert!(matches!(check_session_id(session), Err(HandshakeError::SessionId)), "{session:?}");
    }
}

#[test]
fn a_secret_shows_itself_to_nobody() {
    let secret = Secret::from_bytes([0xab; 32]);
    assert!(!format!("{secret:?}").contains("ab"));
    assert!(Secret::from_hex("ab").is_err());
    assert_eq!(Secret::from_hex(&secret.to_hex()).unwrap().to_hex(), secret.to_hex());
}

#[test]
fn random_secrets_and_nonces_differ() {
    assert_ne!(Secret::random().unwrap().to_hex(), Secret::random().unwrap().to_hex());
    assert_ne!(Nonce::random().unwrap(), Nonce::random().unwrap());
}
