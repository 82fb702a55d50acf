//! ractor_cluster's frames, read as far as it takes to keep a hostile peer within bounds.
//!
//! A session's name is what its peer says it is, and sessions of one name drive each other out;
//! a peer may announce actors without end, each of which ractor_cluster then mirrors here. So
//! every frame is looked at on its way in. The frames are protobuf (`meta.NetworkMessage` in
//! ractor_cluster's `protocol/`); this reads them strictly, in the one form in which
//! ractor_cluster writes them: no unknown member, none twice.

/// What a frame is, as far as that matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Authentication, with the name that the peer gives itself.
    Name(&'a [u8]),
    /// Authentication of another kind.
    Nameless,
    /// An announcement of so many actors.
    Actors(usize),
    /// A call, an answer, a ping and the like.
    Traffic,
}

/// The bytes are no frame that an honest peer of this protocol sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Tells what a frame is; `groups` are those in which a peer's actors may be.
pub(super) fn read<'a>(frame: &'a [u8], groups: &[&str]) -> Result<Frame<'a>, Unreadable> {
    let (member, message) = only_field(frame)?;
    match member {
        network::AUTH => match only_field(message)? {
            (auth::NAME | auth::SERVER_CHALLENGE, body) => name_in(body).map(Frame::Name),
            (
                auth::SERVER_STATUS
                | auth::CLIENT_STATUS
                | auth::CLIENT_CHALLENGE
                | auth::SERVER_ACK,
                _,
            ) => Ok(Frame::Nameless),
            _ => Err(Unreadable),
        },
        network::NODE => Ok(Frame::Traffic),
        network::CONTROL => match only_field(message)? {
            (control::SPAWN, body) => actors_in(body, control::SPAWN_ACTORS, &[]),
            (control::PG_JOIN, body) => actors_in(body, control::JOIN_ACTORS, groups),
            (
                control::TERMINATE
                | control::PING
                | control::PONG
                | control::PG_LEAVE
                | control::READY,
                _,
            ) => Ok(Frame::Traffic),
            // Among the rest: asking for, or naming, other nodes to connect to. Nobody is.
            _ => Err(Unreadable),
        },
        _ => Err(Unreadable),
    }
}

/// The members of `NetworkMessage`.
mod network {
    pub(super) const AUTH: u64 = 1;
    pub(super) const NODE: u64 = 2;
    pub(super) const CONTROL: u64 = 3;
}

/// The members of `AuthenticationMessage`, and the name in two of them.
mod auth {
    pub(super) const NAME: u64 = 1;
    pub(super) const SERVER_STATUS: u64 = 2;
    pub(super) const CLIENT_STATUS: u64 = 3;
    pub(super) const SERVER_CHALLENGE: u64 = 4;
    pub(super) const CLIENT_CHALLENGE: u64 = 5;
    pub(super) const SERVER_ACK: u64 = 6;
    pub(super) const NAME_ITSELF: u64 = 1;
}

/// The members of `ControlMessage`, and those of two of them.
mod control {
    pub(super) const SPAWN: u64 = 1;
    pub(super) const TERMINATE: u64 = 2;
    pub(super) const PING: u64 = 3;
    pub(super) const PONG: u64 = 4;
    pub(super) const PG_JOIN: u64 = 5;
    pub(super) const PG_LEAVE: u64 = 6;
    pub(super) const READY: u64 = 9;
    pub(super) const SPAWN_ACTORS: u64 = 1;
    pub(super) const JOIN_GROUP: u64 = 1;
    pub(super) const JOIN_ACTORS: u64 = 2;
    pub(super) const ACTOR_NAME: u64 = 2;
}

fn name_in(mut body: &[u8]) -> Result<&[u8], Unreadable> {
    let mut name = None;
    while !body.is_empty() {
        let next = field(body)?;
        if next.number == auth::NAME_ITSELF && name.replace(next.bytes()?).is_some() {
            return Err(Unreadable);
        }
        body = next.rest;
    }
    name.ok_or(Unreadable)
}

/// Counts the actors in `Spawn` or `PgJoin`. Actors with names are none of this protocol.
fn actors_in(mut body: &[u8], actors: u64, groups: &[&str]) -> Result<Frame<'static>, Unreadable> {
    let mut count = 0;
    while !body.is_empty() {
        let next = field(body)?;
        if next.number == actors {
            let mut actor = next.bytes()?;
            while !actor.is_empty() {
                let part = field(actor)?;
                if part.number == control::ACTOR_NAME {
                    return Err(Unreadable);
                }
                actor = part.rest;
            }
            count += 1;
        } else if next.number == control::JOIN_GROUP {
            let group = next.bytes()?;
            if !groups.iter().any(|known| known.as_bytes() == group) {
                return Err(Unreadable);
            }
        }
        body = next.rest;
    }
    Ok(Frame::Actors(count))
}

/// A message that consists of one member with bytes.
fn only_field(message: &[u8]) -> Result<(u64, &[u8]), Unreadable> {
    let only = field(message)?;
    if !only.rest.is_empty() {
        return Err(Unreadable);
    }
    Ok((only.number, only.bytes()?))
}

/// One member of a message.
struct Field<'a> {
    number: u64,
    /// Unless it is a number.
    bytes: Option<&'a [u8]>,
    rest: &'a [u8],
}

impl<'a> Field<'a> {
    fn bytes(&self) -> Result<&'a [u8], Unreadable> {
        self.bytes.ok_or(Unreadable)
    }
}

/// Protobuf's wire types that occur here.
const VARINT: u64 = 0;
const BYTES: u64 = 2;

fn field(message: &[u8]) -> Result<Field<'_>, Unreadable> {
    let (tag, rest) = varint(message)?;
    let number = tag >> 3;
    let (value, rest) = varint(rest)?;
    match tag & 7 {
        VARINT => Ok(Field { number, bytes: None, rest }),
        BYTES => {
            let length = usize::try_from(value).map_err(|_| Unreadable)?;
            let (bytes, rest) = rest.split_at_checked(length).ok_or(Unreadable)?;
            Ok(Field { number, bytes: Some(bytes), rest })
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
            return bytes.get(at + 1..).map(|rest| (value, rest)).ok_or(Unreadable);
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

    fn read(frame: &[u8]) -> Result<Frame<'_>, Unreadable> {
        super::read(frame, &["kiosks"])
    }

    #[test]
    fn a_name_is_read_from_a_name_message_and_from_a_challenge() {
        let mut body = wrapped(1, b"poste@ab");
        body.extend_from_slice(&wrapped(2, &[8, 1]));
        body.extend_from_slice(&[4 << 3, 200, 1]);
        let name = wrapped(1, &wrapped(1, &body));
        assert_eq!(read(&name), Ok(Frame::Name(b"poste@ab")));
        let challenge = wrapped(1, &wrapped(4, &body));
        assert_eq!(read(&challenge), Ok(Frame::Name(b"poste@ab")));
        assert_eq!(read(&wrapped(1, &wrapped(2, b""))), Ok(Frame::Nameless));
    }

    #[test]
    fn a_second_name_is_not_read_over() {
        let mut body = wrapped(1, b"poste@ab");
        body.extend_from_slice(&wrapped(1, b"poste@cd"));
        assert_eq!(read(&wrapped(1, &wrapped(1, &body))), Err(Unreadable));
        let mut twice = wrapped(1, &wrapped(1, &wrapped(1, b"poste@ab")));
        twice.extend_from_slice(&twice.clone());
        assert_eq!(read(&twice), Err(Unreadable));
    }

    #[test]
    fn announced_actors_are_counted_and_have_no_names() {
        let actor = wrapped(1, &[8, 42]);
        let spawn = wrapped(3, &wrapped(1, &[actor.clone(), actor].concat()));
        assert_eq!(read(&spawn), Ok(Frame::Actors(2)));
        let named = wrapped(1, &[&[8, 42][..], &wrapped(2, b"clerk")].concat());
        assert_eq!(read(&wrapped(3, &wrapped(1, &named))), Err(Unreadable));
        let join = |group: &[u8]| {
            let actors = wrapped(2, &[8, 42]);
            wrapped(3, &wrapped(5, &[wrapped(1, group), actors, wrapped(3, b"scope")].concat()))
        };
        assert_eq!(read(&join(b"kiosks")), Ok(Frame::Actors(1)));
        assert_eq!(read(&join(b"anything")), Err(Unreadable));
    }

    #[test]
    fn other_kinds_pass_or_not_and_cut_frames_do_not_panic() {
        assert_eq!(read(&wrapped(2, &wrapped(1, b"x"))), Ok(Frame::Traffic));
        assert_eq!(read(&wrapped(3, &wrapped(9, b""))), Ok(Frame::Traffic));
        assert_eq!(read(&wrapped(3, &wrapped(7, b"x"))), Err(Unreadable));
        assert_eq!(read(&wrapped(1, &wrapped(9, b"x"))), Err(Unreadable));
        assert_eq!(read(&wrapped(9, b"x")), Err(Unreadable));
        let whole = wrapped(1, &wrapped(1, &wrapped(1, b"poste@ab")));
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), Err(Unreadable));
        }
        assert_eq!(read(&[0xff; 32]), Err(Unreadable));
    }
}
