//! OpenPGP messages through a partner's folder: taken when they are whole and right, else left and said once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use pgp::composed::{ArmorOptions, EncryptionCaps, KeyType, MessageBuilder, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::CompressionAlgorithm;
use rand::rngs::OsRng;

use super::town::{PARTNERS, Town, until};

fn key() -> SignedSecretKey {
    let mut encrypts = SubkeyParamsBuilder::default();
    encrypts
        .key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy))
        .can_sign(false)
        .can_encrypt(EncryptionCaps::All);
    let mut params = SecretKeyParamsBuilder::default();
    params
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .can_encrypt(EncryptionCaps::None)
        .primary_user_id("claims".into())
        .subkeys(vec![encrypts.build().unwrap()]);
    params.build().unwrap().generate(OsRng).unwrap()
}

fn encrypted(key: &SignedSecretKey, text: &[u8]) -> Vec<u8> {
    let mut builder = MessageBuilder::from_bytes("", text.to_vec()).seipd_v1(OsRng, SymmetricKeyAlgorithm::AES256);
    builder.compression(CompressionAlgorithm::ZLIB);
    builder.encrypt_to_key(OsRng, &key.to_public_key().public_subkeys[0]).unwrap();
    builder.to_vec(OsRng).unwrap()
}

/// The first partner has a key of ours.
fn town(key: &SignedSecretKey) -> Town {
    let town = Town::new();
    let path = town.site.file("ours.asc", key.to_armored_string(ArmorOptions::default()).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let section = format!("[partner.pgp]\nkey_file = \"{path}\"\n[[partner]]");
    let text = town.configuration();
    let (first, second) = text.split_at(text.rfind("[[partner]]").unwrap());
    town.configure(&format!("{first}{}", second.replacen("[[partner]]", &section, 1)));
    town
}

#[test]
fn a_message_is_decrypted_when_it_is_whole() {
    let key = key();
    let town = town(&key);
    let (id, form, _) = PARTNERS[0];
    let service = town.start();
    let text = town.claims(form, 3, 71);
    let message = encrypted(&key, &text);
    town.send(id, "DOE_JANE.837.pgp", &message[..message.len() - 30]);
    until("the report", &service, || service.said().contains("stopped growing"));
    assert_eq!((town.names(id, "in").len(), town.names(id, "out").len()), (1, 0));
    assert_eq!(fs::read_dir(town.site.path("data/archive")).unwrap().count(), 0, "nothing is half published");
    town.send(id, "DOE_JANE.837.pgp", &message);
    until("the answers", &service, || town.names(id, "out").len() == 2 && town.names(id, "in").is_empty());
    until("the events", &service, || town.decided() == (3, 3));
    assert!(!service.said().contains("DOE_JANE"));
    assert_eq!(service.end(), Some(0));
    // The archive has what was inside; `ingest` opens it as well.
    let (plain, sealed) = (town.site.file("plain.837", &text), town.site.file("again.pgp", encrypted(&key, &text)));
    let run = |file: &str| {
        town.site
            .json(&["--config", "claimstream.toml", "--data-dir", "data", "ingest", "--partner", id, file])
    };
    for file in [&plain, &sealed] {
        let run = run(file);
        assert!(run.stdout.contains("\"duplicates\":1"), "{run:?}");
    }
    let other = town.site.file("other.pgp", encrypted(&self::key(), &text));
    let refused = run(&other);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("does not decrypt"), "{refused:?}");
}

#[test]
fn what_is_refused_stays_and_is_said_once_until_it_changes() {
    let key = key();
    let town = town(&key);
    // Also where a name says that the file is whole.
    town.configure(&town.configuration().replacen("poll =", "complete = \"rename\"\npoll =", 1));
    let (id, form, _) = PARTNERS[0];
    let service = town.start();
    let text = town.claims(form, 2, 72);
    let mut changed = encrypted(&key, &text);
    let last = changed.len() - 1;
    changed[last] ^= 1;
    town.send(id, "changed.pgp", &changed);
    town.send(id, "other.pgp", &encrypted(&self::key(), &text));
    town.send("change", "unexpected.pgp", &encrypted(&key, &text));
    let refusals = || service.said().matches("is refused and stays").count();
    until("the refusals", &service, || refusals() == 3);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(refusals(), 3, "once each, in ten looks: {}", service.said());
    let metrics = service.get("/metrics");
    for (partner, reason) in [(id, "damaged"), (id, "other-key"), ("change", "no-key")] {
        let line = format!("claims_files_refused_total{{partner=\"{partner}\",reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    assert_eq!((town.names(id, "in").len(), town.names("change", "in").len()), (2, 1));
    // It is sent again as it should be.
    fs::write(town.folder(id, "in").join("changed.pgp"), encrypted(&key, &text)).unwrap();
    until("the answers", &service, || town.names(id, "out").len() == 2);
    assert_eq!(town.names(id, "in"), ["other.pgp"]);
    assert_eq!(service.end(), Some(0));
}
