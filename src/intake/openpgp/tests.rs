use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use pgp::composed::{ArmorOptions, EncryptionCaps, KeyType, MessageBuilder, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{CompressionAlgorithm, KeyDetails, Password};
use rand::rngs::OsRng;

use super::*;
use crate::intake::archive::Archive;
use crate::intake::unpack::opened;
use crate::sealing::Keys;

fn key(primary: KeyType, encryption: KeyType) -> SignedSecretKey {
    let mut signs = SubkeyParamsBuilder::default();
    signs.key_type(primary.clone()).can_sign(true).can_encrypt(EncryptionCaps::None);
    let mut encrypts = SubkeyParamsBuilder::default();
    encrypts.key_type(encryption).can_sign(false).can_encrypt(EncryptionCaps::All);
    let mut params = SecretKeyParamsBuilder::default();
    params
        .key_type(primary)
        .can_certify(true)
        .can_sign(false)
        .can_encrypt(EncryptionCaps::None)
        .primary_user_id("claims".into())
        .subkeys(vec![signs.build().unwrap(), encrypts.build().unwrap()]);
    params.build().unwrap().generate(OsRng).unwrap()
}

fn curve() -> SignedSecretKey {
    key(KeyType::Ed25519Legacy, KeyType::ECDH(ECCCurve::Curve25519Legacy))
}

/// A partner that encrypts to us and may sign.
struct Partner {
    home: tempfile::TempDir,
    ours: SignedSecretKey,
    theirs: SignedSecretKey,
}

/// What a message is made of.
#[derive(Clone, Copy, Default)]
struct Shape {
    compression: Option<CompressionAlgorithm>,
    has_aead: bool,
    is_signed: bool,
    is_armored: bool,
}

impl Partner {
    fn of(ours: SignedSecretKey) -> Partner {
        let partner = Partner {
            home: tempfile::tempdir().unwrap(),
            ours,
            theirs: curve(),
        };
        partner.file("ours.asc", &partner.ours.to_armored_string(ArmorOptions::default()).unwrap());
        let public = partner.theirs.to_public_key();
        partner.file("theirs.asc", &public.to_armored_string(ArmorOptions::default()).unwrap());
        partner
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn config(&self) -> config::OpenPgp {
        config::OpenPgp {
            key_file: self.home.path().join("ours.asc"),
            passphrase_file: None,
            signers: Vec::new(),
            signer_keys: None,
        }
    }

    fn asking_for(&self, fingerprint: &str) -> OpenPgp {
        OpenPgp::new(Some(config::OpenPgp {
            signers: vec![fingerprint.to_ascii_uppercase()],
            signer_keys: Some(self.home.path().join("theirs.asc")),
            ..self.config()
        }))
    }

    fn openpgp(&self) -> OpenPgp {
        OpenPgp::new(Some(self.config()))
    }

    fn message(&self, text: &[u8], shape: Shape) -> Vec<u8> {
        let ours = self.ours.to_public_key();
        let recipient = &ours.public_subkeys[1];
        macro_rules! finish {
            ($builder:expr) => {{
                let mut builder = $builder;
                builder.partial_chunk_size(512).unwrap();
                if let Some(compression) = shape.compression {
                    builder.compression(compression);
                }
                builder.encrypt_to_key(OsRng, recipient).unwrap();
                let signing = &self.theirs.secret_subkeys[0].key;
                if shape.is_signed {
                    builder.sign(signing, Password::empty(), HashAlgorithm::Sha256);
                }
                if shape.is_armored {
                    builder.to_armored_string(OsRng, ArmorOptions::default()).unwrap().into_bytes()
                } else {
                    builder.to_vec(OsRng).unwrap()
                }
            }};
        }
        let builder = || MessageBuilder::from_reader("", Cursor::new(text.to_vec()));
        match shape.has_aead {
            true => finish!(builder().seipd_v2(OsRng, SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Ocb, ChunkSize::C64B)),
            false => finish!(builder().seipd_v1(OsRng, SymmetricKeyAlgorithm::AES256)),
        }
    }
}

fn unpacked(bytes: &[u8], openpgp: &OpenPgp) -> Result<Vec<u8>, UnpackError> {
    let mut content = Vec::new();
    opened(Box::new(Cursor::new(bytes.to_vec())), openpgp)
        .and_then(|mut reader| reader.read_to_end(&mut content))
        .map(|_| content)
        .map_err(|error| UnpackError::of(&error).expect("an error of the content"))
}

/// Every combination that partners send.
fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    let compressions = [
        None,
        Some(CompressionAlgorithm::ZIP),
        Some(CompressionAlgorithm::ZLIB),
        Some(CompressionAlgorithm::Uncompressed),
    ];
    for compression in compressions {
        for bits in 0..8 {
            shapes.push(Shape {
                compression,
                has_aead: bits & 1 != 0,
                is_signed: bits & 2 != 0,
                is_armored: bits & 4 != 0,
            });
        }
    }
    shapes
}

fn text(bytes: usize) -> Vec<u8> {
    (0u32..)
        .flat_map(|n| format!("CLM*{}*{}~", n, n.wrapping_mul(2_654_435_761)).into_bytes())
        .take(bytes)
        .collect()
}

#[test]
fn messages_of_every_shape_are_opened_with_keys_of_either_kind() {
    for ours in [curve(), key(KeyType::Rsa(2048), KeyType::Rsa(2048))] {
        let partner = Partner::of(ours);
        let openpgp = partner.openpgp();
        for shape in shapes() {
            for bytes in [0, 10, 100_000] {
                let message = partner.message(&text(bytes), shape);
                assert_eq!(unpacked(&message, &openpgp).unwrap(), text(bytes));
            }
        }
    }
}

#[test]
fn a_message_is_waited_for_at_every_byte_and_published_at_its_last() {
    let partner = Partner::of(curve());
    let openpgp = partner.openpgp();
    let keys = Keys::parse(&Keys::generate().unwrap()).unwrap();
    let archive = Archive::new(partner.home.path().to_path_buf());
    let sealed = || {
        std::fs::read_dir(partner.home.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() != "asc")
            .count()
    };
    for (has_aead, is_armored) in [(false, false), (true, false), (false, true)] {
        let shape = Shape {
            compression: Some(CompressionAlgorithm::ZLIB),
            is_signed: true,
            has_aead,
            is_armored,
        };
        let whole = partner.message(&text(300), shape);
        let end = whole.len() - usize::from(is_armored);
        for length in 1..end {
            let received = opened(Box::new(Cursor::new(whole[..length].to_vec())), &openpgp).and_then(|mut input| archive.receive(&mut input, &keys));
            assert_eq!(UnpackError::of(&received.unwrap_err()), Some(UnpackError::Truncated), "{length} of {end}");
            assert_eq!(sealed(), 0, "{length} of {end}");
        }
        assert_eq!(unpacked(&whole, &openpgp).unwrap(), text(300));
    }
}

#[test]
fn a_message_that_was_changed_anywhere_is_never_taken() {
    let partner = Partner::of(curve());
    let openpgp = partner.openpgp();
    for has_aead in [false, true] {
        for compression in [None, Some(CompressionAlgorithm::ZLIB)] {
            let shape = Shape {
                has_aead,
                compression,
                ..Shape::default()
            };
            let whole = partner.message(&text(1_500), shape);
            let mut refused = 0;
            for place in 0..whole.len() {
                let mut changed = whole.clone();
                changed[place] ^= 1 << (place % 8);
                match unpacked(&changed, &openpgp) {
                    // No message any more, but a file that is no X12; or a bit of the session key's packet that
                    // means nothing.
                    Ok(content) => assert!(place < 100 && (content == changed || content == text(1_500)), "byte {place}"),
                    Err(UnpackError::Truncated) => {}
                    Err(_) => refused += 1,
                }
            }
            assert!(refused > whole.len() * 9 / 10, "{refused} of {}", whole.len());
            let last = whole.len() - 1;
            let mut changed = whole.clone();
            changed[last] ^= 1;
            assert_eq!(unpacked(&changed, &openpgp), Err(UnpackError::Damaged));
        }
    }
}

#[test]
fn nothing_may_follow_a_message() {
    let partner = Partner::of(curve());
    let openpgp = partner.openpgp();
    for is_armored in [false, true] {
        let shape = Shape {
            is_armored,
            ..Shape::default()
        };
        let (one, other) = (partner.message(&text(300), shape), partner.message(&text(400), shape));
        assert_eq!(unpacked(&[&one[..], &other].concat(), &openpgp), Err(UnpackError::Damaged), "{is_armored}");
        assert_eq!(unpacked(&[&one[..], b"ISA*00*"].concat(), &openpgp), Err(UnpackError::Damaged), "{is_armored}");
    }
}

#[test]
fn what_is_packed_within_a_message_is_opened_and_only_with_the_message_proven() {
    let partner = Partner::of(curve());
    let openpgp = partner.openpgp();
    let packed = |text: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    };
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("claims.837", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&text(5_000)).unwrap();
    for within in [packed(&text(5_000)), zip.finish().unwrap().into_inner()] {
        let message = partner.message(&within, Shape::default());
        assert_eq!(unpacked(&message, &openpgp).unwrap(), text(5_000));
        for place in 200..message.len() {
            let mut changed = message.clone();
            changed[place] ^= 1;
            assert!(unpacked(&changed, &openpgp).is_err(), "byte {place}");
        }
        let cut = partner.message(&within[..within.len() - 4], Shape::default());
        assert_eq!(unpacked(&cut, &openpgp), Err(UnpackError::Damaged), "it will not grow");
    }
    let again = partner.message(&partner.message(b"ISA", Shape::default()), Shape::default());
    assert_ne!(unpacked(&again, &openpgp).unwrap(), b"ISA", "one layer only");
}

#[test]
fn bombs_are_refused_in_constant_memory() {
    let partner = Partner::of(curve());
    let openpgp = partner.openpgp();
    let blank = vec![b' '; 50 << 20];
    let shape = Shape {
        compression: Some(CompressionAlgorithm::ZLIB),
        ..Shape::default()
    };
    assert_eq!(unpacked(&partner.message(&blank, shape), &openpgp), Err(UnpackError::Bomb));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&blank).unwrap();
    assert_eq!(unpacked(&partner.message(&gzip.finish().unwrap(), shape), &openpgp), Err(UnpackError::Bomb));
    let few = vec![b' '; 500_000];
    assert_eq!(unpacked(&partner.message(&few, shape), &openpgp).unwrap(), few);
    // Markers without end before the content, which would be read in memory or for ever.
    let mut markers = partner.message(&text(10), Shape::default());
    markers.splice(0..0, b"\xca\x03PGP".repeat(1_000_000));
    assert_eq!(unpacked(&markers, &openpgp), Err(UnpackError::Bomb));
}

#[test]
fn layers_beyond_those_partners_use_are_refused() {
    use pgp::ser::Serialize;
    let partner = Partner::of(curve());
    let openpgp = partner.openpgp();
    let plain = MessageBuilder::from_bytes("", text(100)).to_vec(OsRng).unwrap();
    let mut builder = MessageBuilder::from_bytes("", text(100));
    builder.compression(CompressionAlgorithm::ZLIB);
    let compressed = builder.to_vec(OsRng).unwrap();
    // A literal packet alone is recognised by nothing, and is no X12 either.
    assert_eq!(unpacked(&plain, &openpgp).unwrap(), plain);
    assert_eq!(unpacked(&compressed, &openpgp), Err(OpenPgpError::NotEncrypted.into()));
    let ours = partner.ours.to_public_key();
    for (signatures, opened) in [(16, Ok(text(100))), (17, Err(OpenPgpError::Layers.into()))] {
        let mut builder = MessageBuilder::from_bytes("", text(100)).seipd_v1(OsRng, SymmetricKeyAlgorithm::AES128);
        builder.encrypt_to_key(OsRng, &ours.public_subkeys[1]).unwrap();
        for _ in 0..signatures {
            builder.sign(&partner.theirs.secret_subkeys[0].key, Password::empty(), HashAlgorithm::Sha256);
        }
        assert_eq!(unpacked(&builder.to_vec(OsRng).unwrap(), &openpgp), opened, "{signatures} signatures");
    }
    let mut public = Vec::new();
    partner.ours.to_public_key().to_writer(&mut public).unwrap();
    assert_eq!(unpacked(&public, &openpgp).unwrap(), public, "a key is no message");
}

#[test]
fn only_the_partners_signature_counts_where_it_is_asked_for() {
    let partner = Partner::of(curve());
    let stranger = Partner::of(partner.ours.clone());
    let fingerprint = partner.theirs.fingerprint().to_string();
    let asking = partner.asking_for(&fingerprint);
    for compression in [None, Some(CompressionAlgorithm::ZIP)] {
        let signed = Shape {
            is_signed: true,
            compression,
            ..Shape::default()
        };
        let unsigned = Shape { is_signed: false, ..signed };
        assert_eq!(unpacked(&partner.message(&text(2_000), signed), &asking).unwrap(), text(2_000));
        assert_eq!(unpacked(&partner.message(&text(2_000), unsigned), &asking), Err(OpenPgpError::NotSigned.into()));
        assert_eq!(unpacked(&stranger.message(&text(2_000), signed), &asking), Err(OpenPgpError::NotSigned.into()));
        assert_eq!(unpacked(&stranger.message(&text(2_000), signed), &partner.openpgp()).unwrap(), text(2_000));
    }
    // A hash that is broken proves nothing.
    let ours = partner.ours.to_public_key();
    let mut builder = MessageBuilder::from_bytes("", text(100)).seipd_v1(OsRng, SymmetricKeyAlgorithm::AES128);
    builder.encrypt_to_key(OsRng, &ours.public_subkeys[1]).unwrap();
    builder.sign(&partner.theirs.secret_subkeys[0].key, Password::empty(), HashAlgorithm::Sha1);
    if let Ok(weak) = builder.to_vec(OsRng) {
        assert_eq!(unpacked(&weak, &asking), Err(OpenPgpError::NotSigned.into()));
    }
}

#[test]
fn keys_that_cannot_be_used_are_named_without_what_they_hold() {
    let partner = Partner::of(curve());
    let message = partner.message(&text(100), Shape::default());
    let refused = |config: config::OpenPgp| unpacked(&message, &OpenPgp::new(Some(config))).unwrap_err();
    let with_key = |key_file: PathBuf| config::OpenPgp { key_file, ..partner.config() };
    assert_eq!(unpacked(&message, &OpenPgp::default()), Err(OpenPgpError::NotConfigured.into()));
    let other = Partner::of(curve());
    assert_eq!(unpacked(&message, &other.openpgp()), Err(OpenPgpError::NotForUs.into()));
    for (config, fault) in [
        (with_key(partner.home.path().join("none.asc")), KeyFault::Unreadable),
        (with_key(partner.file("text.asc", "no key")), KeyFault::NotAKey),
        (with_key(partner.home.path().join("theirs.asc")), KeyFault::NotAKey),
    ] {
        assert_eq!(refused(config), OpenPgpError::Keys(fault).into(), "{fault}");
    }
    let open = partner.file("open.asc", &partner.ours.to_armored_string(ArmorOptions::default()).unwrap());
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(refused(with_key(open)), OpenPgpError::Keys(KeyFault::OpenToOthers).into());
    let unknown = partner.asking_for(&"0".repeat(40));
    assert_eq!(unpacked(&message, &unknown), Err(OpenPgpError::Keys(KeyFault::Signers).into()));
}

#[test]
fn a_locked_key_is_opened_by_its_passphrase_and_renewed_without_a_restart() {
    let mut partner = Partner::of(curve());
    let message = partner.message(&text(100), Shape::default());
    let old = std::fs::read_to_string(partner.home.path().join("ours.asc")).unwrap();
    partner.ours.primary_key.set_password(OsRng, &"secret words".into()).unwrap();
    for subkey in &mut partner.ours.secret_subkeys {
        subkey.key.set_password(OsRng, &"secret words".into()).unwrap();
    }
    partner.file("ours.asc", &partner.ours.to_armored_string(ArmorOptions::default()).unwrap());
    assert_eq!(unpacked(&message, &partner.openpgp()), Err(OpenPgpError::Keys(KeyFault::Locked).into()));
    let openpgp = OpenPgp::new(Some(config::OpenPgp {
        passphrase_file: Some(partner.file("passphrase", "wrong words\n")),
        ..partner.config()
    }));
    let before = openpgp.stamp();
    assert_eq!(unpacked(&message, &openpgp), Err(OpenPgpError::Keys(KeyFault::Locked).into()));
    partner.file("passphrase", "secret words\n");
    assert_ne!(openpgp.stamp(), before);
    assert_eq!(unpacked(&message, &openpgp).unwrap(), text(100));
    // A rotation: the next key stands before the old one.
    let next = Partner::of(curve());
    let key = next.ours.to_armored_string(ArmorOptions::default()).unwrap();
    partner.file("ours.asc", &format!("{key}\n{old}"));
    assert_eq!(unpacked(&message, &openpgp).unwrap(), text(100));
    assert_eq!(unpacked(&next.message(&text(90), Shape::default()), &openpgp).unwrap(), text(90));
    assert!(!format!("{openpgp:?}").contains("secret words"));
}

/// Hands out some bytes, then fails as a lost connection does.
struct Lost(Cursor<Vec<u8>>);

impl Read for Lost {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

#[test]
fn a_lost_connection_is_not_taken_for_a_truncated_message() {
    let partner = Partner::of(curve());
    let message = partner.message(&text(50_000), Shape::default());
    for length in [100, 1_000, 30_000, message.len()] {
        let lost = Lost(Cursor::new(message[..length].to_vec()));
        let error = opened(Box::new(lost), &partner.openpgp())
            .and_then(|mut reader| reader.read_to_end(&mut Vec::new()))
            .unwrap_err();
        assert_eq!((error.kind(), UnpackError::of(&error)), (io::ErrorKind::UnexpectedEof, None), "{length}");
    }
}

/// What GnuPG writes, where it is installed.
#[test]
fn messages_of_gnupg_are_opened() {
    use std::process::{Command, Stdio};
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let gpg = |arguments: &[&str], input: &[u8]| -> Option<Vec<u8>> {
        let mut gpg = Command::new("gpg")
            .env("GNUPGHOME", home.path())
            .args([
                "--batch",
                "--yes",
                "--quiet",
                "--no-tty",
                "--trust-model",
                "always",
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "",
            ])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut stdin = gpg.stdin.take().unwrap();
        let input = input.to_vec();
        let writing = std::thread::spawn(move || stdin.write_all(&input));
        let output = gpg.wait_with_output().unwrap();
        let _ = writing.join().unwrap();
        output.status.success().then_some(output.stdout)
    };
    if gpg(&["--version"], b"").is_none() {
        eprintln!("left out: gpg is not installed");
        return;
    }
    for kind in ["rsa2048", "future-default"] {
        let name = format!("payer-{kind}");
        gpg(&["--quick-generate-key", &name, kind, "default", "never"], b"").unwrap();
        if kind == "rsa2048" {
            let listed = String::from_utf8(gpg(&["--with-colons", "--list-keys", &name], b"").unwrap()).unwrap();
            let fingerprint = listed
                .lines()
                .find_map(|line| line.strip_prefix("fpr:::::::::"))
                .unwrap()
                .trim_end_matches(':')
                .to_string();
            gpg(&["--quick-add-key", &fingerprint, "rsa2048", "encr", "never"], b"").unwrap();
        }
        let exported = gpg(&["--armor", "--export-secret-keys", &name], b"").unwrap();
        let partner = Partner::of(curve());
        let key_file = partner.file("gpg.asc", std::str::from_utf8(&exported).unwrap());
        let public = gpg(&["--armor", "--export", &name], b"").unwrap();
        let listed = String::from_utf8(gpg(&["--with-colons", "--list-keys", &name], b"").unwrap()).unwrap();
        let fingerprint = listed
            .lines()
            .find_map(|line| line.strip_prefix("fpr:::::::::"))
            .unwrap()
            .trim_end_matches(':')
            .to_string();
        let config = config::OpenPgp { key_file, ..partner.config() };
        let asking = config::OpenPgp {
            signers: vec![fingerprint],
            signer_keys: Some(partner.file("signers.asc", std::str::from_utf8(&public).unwrap())),
            ..config.clone()
        };
        let (openpgp, asking) = (OpenPgp::new(Some(config)), OpenPgp::new(Some(asking)));
        for more in [
            &["--compress-algo", "zlib"][..],
            &["--compress-algo", "zip", "--armor"],
            &["--compress-algo", "none"],
        ] {
            for bytes in [500, 300_000] {
                let encrypted = gpg(&[more, &["--encrypt", "-r", &name]].concat(), &text(bytes)).unwrap();
                assert_eq!(unpacked(&encrypted, &openpgp).unwrap(), text(bytes), "{kind} {more:?}");
                assert_eq!(unpacked(&encrypted, &asking), Err(OpenPgpError::NotSigned.into()), "{kind} {more:?}");
                let signed = gpg(&[more, &["--encrypt", "--sign", "-u", &name, "-r", &name]].concat(), &text(bytes)).unwrap();
                assert_eq!(unpacked(&signed, &asking).unwrap(), text(bytes), "{kind} {more:?}");
            }
        }
        let bzip2 = gpg(&["--compress-algo", "bzip2", "--encrypt", "-r", &name], &text(500)).unwrap();
        assert_eq!(unpacked(&bzip2, &openpgp), Err(OpenPgpError::Layers.into()));
        let unprotected = gpg(&["--sign", "-u", &name], &text(500)).unwrap();
        assert_eq!(unpacked(&unprotected, &openpgp), Err(OpenPgpError::NotEncrypted.into()));
    }
    let _ = Command::new("gpgconf").env("GNUPGHOME", home.path()).args(["--kill", "all"]).status();
}
