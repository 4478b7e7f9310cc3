//! Whether an OpenPGP message has arrived in full, from its framing alone: what its packets say of their
//! lengths (RFC 9580, 4.2), or the last line of its ASCII armour (6.2).
//!
//! Nothing here is decrypted. It tells an upload that goes on from a message that was changed, which the
//! decryption itself can't: to it both end in an error.

use memchr::memmem;

/// The two forms in which a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Binary,
    Armored,
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    No,
    /// It begins as a message does; more bytes would tell.
    Perhaps,
    Message(Form),
}

const BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE-----";
const END: &[u8] = b"-----END PGP MESSAGE-----";

/// Packet types (RFC 9580, 5).
const PUBLIC_KEY_SESSION_KEY: u8 = 1;
const SIGNATURE: u8 = 2;
const PASSWORD_SESSION_KEY: u8 = 3;
const ONE_PASS_SIGNATURE: u8 = 4;
const COMPRESSED: u8 = 8;
const ENCRYPTED_UNPROTECTED: u8 = 9;
const MARKER: u8 = 10;
const ENCRYPTED: u8 = 18;
/// GnuPG's own, before RFC 9580.
const ENCRYPTED_GNUPG: u8 = 20;

/// Whether a file begins as an OpenPGP message does: encrypted, signed or compressed.
pub fn recognise(first: &[u8]) -> Recognised {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    if text.starts_with(BEGIN) {
        return Recognised::Message(Form::Armored);
    }
    if !text.is_empty() && BEGIN.starts_with(text) {
        return Recognised::Perhaps;
    }
    let Some((&octet, rest)) = first.split_first().filter(|(octet, _)| **octet & 0x80 != 0) else {
        return Recognised::No;
    };
    let (packet, lengths) = match octet & 0x40 {
        0 => match octet & 3 {
            3 => ((octet >> 2) & 0x0f, 0),
            kind => ((octet >> 2) & 0x0f, 1 << kind),
        },
        _ => match (octet & 0x3f, rest.first()) {
            (packet, None | Some(0..=191 | 224..=254)) => (packet, 1),
            (packet, Some(192..=223)) => (packet, 2),
            (packet, Some(255)) => (packet, 5),
        },
    };
    let begins: &[u8] = match packet {
        PUBLIC_KEY_SESSION_KEY | ONE_PASS_SIGNATURE => &[3, 6],
        SIGNATURE => &[3, 4, 5, 6],
        PASSWORD_SESSION_KEY => &[4, 5, 6],
        COMPRESSED => &[0, 1, 2, 3],
        ENCRYPTED => &[1, 2],
        ENCRYPTED_GNUPG => &[1],
        MARKER => b"P",
        _ => return Recognised::No,
    };
    match rest.get(lengths) {
        None => Recognised::Perhaps,
        Some(version) if begins.contains(version) => Recognised::Message(Form::Binary),
        Some(_) => Recognised::No,
    }
}

/// Whether a message in ASCII armour shows its last line.
pub fn shows_end(last: &[u8]) -> bool {
    memmem::rfind(last, END).is_some()
}

/// Follows the bytes of a file as they arrive.
#[derive(Debug)]
pub struct Framing(Followed);

#[derive(Debug)]
enum Followed {
    Packets { place: Place, has_content: bool },
    Armor { kept: Vec<u8>, has_ended: bool, goes_on: bool },
}

/// Where in a sequence of packets the next byte stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    Type,
    /// The first octet of a length in the present format.
    Length {
        packet: u8,
    },
    /// Octets of a length: so many are missing, and what is added to their number.
    Octets {
        packet: u8,
        missing: u8,
        value: u64,
        added: u64,
    },
    Body {
        packet: u8,
        left: u64,
        is_part: bool,
    },
    /// A packet that says no length: it ends with the file.
    Endless,
    /// No packet: waiting for more is of no use.
    Broken,
}

impl Framing {
    pub fn new(form: Form) -> Framing {
        Framing(match form {
            Form::Binary => Followed::Packets {
                place: Place::Type,
                has_content: false,
            },
            Form::Armored => Followed::Armor {
                kept: Vec::new(),
                has_ended: false,
                goes_on: false,
            },
        })
    }

    /// The next bytes of the file.
    pub fn follow(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Followed::Packets { place, has_content } => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    rest = place.follow(rest, has_content);
                }
            }
            Followed::Armor { has_ended: true, goes_on, .. } => *goes_on |= !is_blank(bytes),
            Followed::Armor { kept, has_ended, goes_on } => {
                kept.extend_from_slice(bytes);
                if let Some(end) = memmem::find(kept, END) {
                    *has_ended = true;
                    *goes_on = !is_blank(kept.get(end + END.len()..).unwrap_or_default());
                    kept.clear();
                } else {
                    // The end may have begun in them.
                    kept.drain(..kept.len().saturating_sub(END.len()));
                }
            }
        }
    }

    /// Whether everything is there, so that an error is no matter of waiting for more.
    pub fn is_whole(&self) -> bool {
        match &self.0 {
            Followed::Packets { place, has_content } => matches!(place, Place::Broken) || (*has_content && matches!(place, Place::Type)),
            Followed::Armor { has_ended, .. } => *has_ended,
        }
    }

    /// Whether more than a message is there, which nobody would read. Of packets the decryption itself says it.
    pub fn goes_on(&self) -> bool {
        matches!(self.0, Followed::Armor { goes_on: true, .. })
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x1a)
}

impl Place {
    /// Takes some bytes and leaves the others.
    fn follow<'b>(&mut self, bytes: &'b [u8], has_content: &mut bool) -> &'b [u8] {
        let Some((&octet, rest)) = bytes.split_first() else { return bytes };
        match *self {
            Place::Type => {
                *self = match (octet & 0xc0, octet & 3) {
                    (0xc0, _) => Place::Length { packet: octet & 0x3f },
                    (0x80, 3) => Place::Endless,
                    (0x80, kind) => Place::Octets {
                        packet: (octet >> 2) & 0x0f,
                        missing: 1 << kind,
                        value: 0,
                        added: 0,
                    },
                    _ => Place::Broken,
                };
                rest
            }
            Place::Length { packet } => {
                match octet {
                    0..=191 => self.enter(packet, octet.into(), false, has_content),
                    192..=223 => {
                        *self = Place::Octets {
                            packet,
                            missing: 1,
                            value: u64::from(octet - 192),
                            added: 192,
                        }
                    }
                    224..=254 => self.enter(packet, 1 << (octet & 0x1f), true, has_content),
                    255 => {
                        *self = Place::Octets {
                            packet,
                            missing: 4,
                            value: 0,
                            added: 0,
                        }
                    }
                }
                rest
            }
            Place::Octets { packet, missing, value, added } => {
                let value = (value << 8) | u64::from(octet);
                if missing > 1 {
                    *self = Place::Octets {
                        packet,
                        missing: missing - 1,
                        value,
                        added,
                    };
                } else {
                    self.enter(packet, value + added, false, has_content);
                }
                rest
            }
            Place::Body { packet, left, is_part } => {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                self.enter(packet, left - count as u64, is_part, has_content);
                bytes.get(count..).unwrap_or_default()
            }
            Place::Endless | Place::Broken => &[],
        }
    }

    /// Into a body with so many bytes to come, or behind it.
    fn enter(&mut self, packet: u8, left: u64, is_part: bool, has_content: &mut bool) {
        *self = match (left, is_part) {
            (0, true) => Place::Length { packet },
            (0, false) => {
                *has_content |= matches!(packet, ENCRYPTED_UNPROTECTED | ENCRYPTED | ENCRYPTED_GNUPG);
                Place::Type
            }
            _ => Place::Body { packet, left, is_part },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_recognised_by_its_first_packet() {
        for (first, recognised) in [
            (&b"\x85\x01\x0c\x03"[..], Recognised::Message(Form::Binary)),
            (b"\x84\x5e\x03", Recognised::Message(Form::Binary)),
            (b"\xc1\x5e\x06", Recognised::Message(Form::Binary)),
            (b"\xc1\xc0\x4c\x03", Recognised::Message(Form::Binary)),
            (b"\xd2\xff\x00\x00\x10\x00\x02", Recognised::Message(Form::Binary)),
            (b"\xd2\xed\x01", Recognised::Message(Form::Binary)),
            (b"\x8c\x0d\x04", Recognised::Message(Form::Binary)),
            (b"\xa3\x02", Recognised::Message(Form::Binary)),
            (b"\xa8\x03PGP", Recognised::Message(Form::Binary)),
            (b"\xef\xbb\xbf\r\n-----BEGIN PGP MESSAGE-----\n", Recognised::Message(Form::Armored)),
            (b"-----BEGIN PGP MES", Recognised::Perhaps),
            (b"\x85", Recognised::Perhaps),
            (b"\x85\x01\x0c", Recognised::Perhaps),
            (b"\xc1", Recognised::Perhaps),
            (b"\xd2\xff\x00\x00\x10\x00", Recognised::Perhaps),
            (b"", Recognised::No),
            (b"ISA*00*", Recognised::No),
            (b"\xef\xbb\xbfISA*00*", Recognised::No),
            (b"-----BEGIN PGP SIGNED MESSAGE-----", Recognised::No),
            (b"\xff\xfeI\0S\0", Recognised::No),
            (b"\x89PNG\r\n\x1a\n", Recognised::No),
            (b"\xc3\xaf\xc2\xbb\xc2\xbf", Recognised::No),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", Recognised::No),
        ] {
            assert_eq!(recognise(first), recognised, "{first:?}");
        }
    }

    /// A session key, then an encrypted packet in two parts.
    fn message() -> Vec<u8> {
        let mut message = vec![0xc1, 3, 3, 9, 9, 0xd2, 0xe9];
        message.extend([7; 512]);
        message.extend([0xc0, 8]);
        message.extend([7; 200]);
        message
    }

    #[test]
    fn packets_are_whole_at_their_end_only_however_they_arrive() {
        let whole = message();
        for length in 0..=whole.len() {
            for step in [1, 3, 1_000] {
                let mut framing = Framing::new(Form::Binary);
                whole[..length].chunks(step).for_each(|bytes| framing.follow(bytes));
                assert_eq!(framing.is_whole(), length == whole.len(), "{length} by {step}");
            }
        }
        for (packets, is_whole) in [
            // The older format, with lengths of one, two and four octets.
            (&[0xa0, 1, 7, 0x91, 0, 1, 7, 0x92, 0, 0, 0, 1, 7][..], false),
            (&[0x84, 1, 7, 0xd2, 0xff, 0, 0, 0, 1, 7], true),
            (&[0xd2, 0], true),
            (&[0x84, 1, 7, 0xa7, 7, 7], false),
            (&[0xd2, 1, 7, b'I', b'S'], true),
        ] {
            let mut framing = Framing::new(Form::Binary);
            framing.follow(packets);
            assert_eq!(framing.is_whole(), is_whole, "{packets:?}");
        }
    }

    #[test]
    fn armor_is_whole_with_its_last_line() {
        let whole = b"-----BEGIN PGP MESSAGE-----\n\nhF4D\n=abcd\n-----END PGP MESSAGE-----\n";
        for length in 0..=whole.len() {
            for step in [1, 7, 1_000] {
                let mut framing = Framing::new(Form::Armored);
                whole[..length].chunks(step).for_each(|bytes| framing.follow(bytes));
                assert_eq!(framing.is_whole(), length >= whole.len() - 1, "{length} by {step}");
                assert!(!framing.goes_on());
            }
        }
        for (behind, goes_on) in [("\r\n \u{1a}", false), ("-----BEGIN PGP MESSAGE-----", true)] {
            let mut framing = Framing::new(Form::Armored);
            framing.follow(whole);
            framing.follow(behind.as_bytes());
            assert_eq!(framing.goes_on(), goes_on, "{behind:?}");
        }
    }
}
