//! The name inside ractor_cluster's authentication frames.
//!
//! A session's name is what its peer says it is, and sessions of one name drive each other out.
//! So the name is read on its way in, before ractor_cluster sees it, and has to be that of the
//! key which TLS has proven. The frames are protobuf (`meta.NetworkMessage` in ractor_cluster's
//! `protocol/`); this reads them strictly: one field of a kind, nothing unknown.

/// The bytes are not an authentication frame in the one form that ractor_cluster writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The name that an authentication frame declares; `None` if it is of a kind without a name.
pub(super) fn declared_name(frame: &[u8]) -> Result<Option<&[u8]>, Unreadable> {
    let (AUTH, message) = only_field(frame)? else {
        return Err(Unreadable);
    };
    match only_field(message)? {
        (NAME_MESSAGE | SERVER_CHALLENGE, body) => name_in(body).map(Some),
        (SERVER_STATUS | CLIENT_STATUS | CLIENT_CHALLENGE | SERVER_ACK, _) => Ok(None),
        _ => Err(Unreadable),
    }
}

/// `NetworkMessage.auth`.
const AUTH: u64 = 1;
/// The members of `AuthenticationMessage`.
const NAME_MESSAGE: u64 = 1;
const SERVER_STATUS: u64 = 2;
const CLIENT_STATUS: u64 = 3;
const SERVER_CHALLENGE: u64 = 4;
const CLIENT_CHALLENGE: u64 = 5;
const SERVER_ACK: u64 = 6;
/// `NameMessage.name` and `Challenge.name`.
const NAME: u64 = 1;

/// Protobuf's wire types that occur here.
const VARINT: u64 = 0;
const BYTES: u64 = 2;

fn name_in(mut body: &[u8]) -> Result<&[u8], Unreadable> {
    let mut name = None;
    while !body.is_empty() {
        let (field, value, rest) = field(body)?;
        if field == NAME && name.replace(value.ok_or(Unreadable)?).is_some() {
            return Err(Unreadable);
        }
        body = rest;
    }
    name.ok_or(Unreadable)
}

/// A message that consists of one field with bytes.
fn only_field(message: &[u8]) -> Result<(u64, &[u8]), Unreadable> {
    match field(message)? {
        (number, Some(value), []) => Ok((number, value)),
        _ => Err(Unreadable),
    }
}

/// The first field: its number, its bytes (unless it is a number), and what follows.
#[expect(
    clippy::type_complexity,
    reason = "three parts of one field, used at once"
)]
fn field(message: &[u8]) -> Result<(u64, Option<&[u8]>, &[u8]), Unreadable> {
    let (tag, rest) = varint(message)?;
    let (number, wire_type) = (tag >> 3, tag & 7);
    let (value, rest) = varint(rest)?;
    match wire_type {
        VARINT => Ok((number, None, rest)),
        BYTES => {
            let length = usize::try_from(value).map_err(|_| Unreadable)?;
            let (bytes, rest) = rest.split_at_checked(length).ok_or(Unreadable)?;
            Ok((number, Some(bytes), rest))
        }
        _ => Err(Unreadable),
    }
}

fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), Unreadable> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if at == 9 && part > 1 {
            return Err(Unreadable);
        }
        value |= part << (7 * at);
        if byte & 0x80 == 0 {
            return bytes
                .get(at + 1..)
                .map(|rest| (value, rest))
                .ok_or(Unreadable);
        }
    }
    Err(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(number: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(body.len()).unwrap()];
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn a_name_is_read_from_a_name_message_and_from_a_challenge() {
        let mut body = wrapped(1, b"poste@ab");
        body.extend_from_slice(&wrapped(2, &[8, 1]));
        body.extend_from_slice(&[4 << 3, 200, 1]);
        let name = wrapped(1, &wrapped(1, &body));
        assert_eq!(declared_name(&name), Ok(Some(&b"poste@ab"[..])));
        let challenge = wrapped(1, &wrapped(4, &body));
        assert_eq!(declared_name(&challenge), Ok(Some(&b"poste@ab"[..])));
        let status = wrapped(1, &wrapped(2, b""));
        assert_eq!(declared_name(&status), Ok(None));
    }

    #[test]
    fn a_second_name_is_not_read_over() {
        let mut body = wrapped(1, b"poste@ab");
        body.extend_from_slice(&wrapped(1, b"poste@cd"));
        assert_eq!(
            declared_name(&wrapped(1, &wrapped(1, &body))),
            Err(Unreadable)
        );
        let mut twice = wrapped(1, &wrapped(1, &wrapped(1, b"poste@ab")));
        twice.extend_from_slice(&twice.clone());
        assert_eq!(declared_name(&twice), Err(Unreadable));
    }

    #[test]
    fn nothing_but_authentication_passes_and_cut_frames_do_not_panic() {
        assert_eq!(
            declared_name(&wrapped(2, &wrapped(1, b"x"))),
            Err(Unreadable)
        );
        assert_eq!(
            declared_name(&wrapped(1, &wrapped(9, b"x"))),
            Err(Unreadable)
        );
        let whole = wrapped(1, &wrapped(1, &wrapped(1, b"poste@ab")));
        for cut in 0..whole.len() {
            assert_eq!(declared_name(&whole[..cut]), Err(Unreadable));
        }
        assert_eq!(declared_name(&[0xff; 32]), Err(Unreadable));
    }
}
