//! The hello: the one frame that each side sends before the other is judged.
//!
//! Its bytes are laid out by hand and its head never changes, so that two releases that share
//! nothing else can still tell each other so:
//!
//! | bytes | what |
//! |---|---|
//! | 0..12 | `poste hello` and a zero |
//! | 12..14, 14..16 | lowest and highest protocol version spoken, u16 little endian |
//! | 16..48 | site |
//! | 48..56 | instance: random at each start of the process |
//! | 56..60, 60.. | length of the greeting (u32 little endian), greeting |
//!
//! Only the first 16 bytes may be read before a common version is found.

use super::close::CloseReason;

/// Protocol versions that this release speaks, lowest and highest.
pub const VERSIONS: (u16, u16) = (1, 1);

/// The longest greeting, in bytes.
pub const MAX_GREETING: usize = 32 * 1024;

/// The longest hello frame: whatever version sends it.
pub(crate) const MAX_HELLO: usize = HEAD + REST + MAX_GREETING;

const MAGIC: &[u8; 12] = b"poste hello\0";
const HEAD: usize = 16;
const REST: usize = 32 + 8 + 4;

/// What a node says of itself at the start of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Lowest and highest protocol version spoken.
    pub versions: (u16, u16),
    /// The site that it belongs to.
    pub site: [u8; 32],
    /// Which run of its process this is; tells a restart from a second connection.
    pub instance: [u8; 8],
    /// Opaque here: made by one Replica, judged by the other. At most [`MAX_GREETING`] bytes.
    pub greeting: Vec<u8>,
}

impl Hello {
    /// The bytes of the frame.
    pub fn encode(&self) -> Vec<u8> {
        let greeting = &self.greeting[..self.greeting.len().min(MAX_GREETING)];
        let length = u32::try_from(greeting.len()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(HEAD + REST + greeting.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.versions.0.to_le_bytes());
        bytes.extend_from_slice(&self.versions.1.to_le_bytes());
        bytes.extend_from_slice(&self.site);
        bytes.extend_from_slice(&self.instance);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(greeting);
        bytes
    }

    /// Reads a hello and settles the version: the highest that both speak.
    ///
    /// Refuses with `VersionMismatch` before it looks past the head, and with `Malformed`
    /// whatever is not exactly one hello.
    pub fn decode(bytes: &[u8], ours: (u16, u16)) -> Result<(Self, u16), CloseReason> {
        let malformed = CloseReason::Malformed;
        let rest = bytes.strip_prefix(MAGIC).ok_or(malformed)?;
        let (lowest, rest) = rest.split_first_chunk::<2>().ok_or(malformed)?;
        let (highest, rest) = rest.split_first_chunk::<2>().ok_or(malformed)?;
        let theirs = (u16::from_le_bytes(*lowest), u16::from_le_bytes(*highest));
        let version = common(ours, theirs).ok_or(CloseReason::VersionMismatch)?;
        let (site, rest) = rest.split_first_chunk::<32>().ok_or(malformed)?;
        let (instance, rest) = rest.split_first_chunk::<8>().ok_or(malformed)?;
        let (length, greeting) = rest.split_first_chunk::<4>().ok_or(malformed)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| malformed)?;
        if length != greeting.len() || length > MAX_GREETING {
            return Err(malformed);
        }
        let hello = Self {
            versions: theirs,
            site: *site,
            instance: *instance,
            greeting: greeting.to_vec(),
        };
        Ok((hello, version))
    }
}

fn common(ours: (u16, u16), theirs: (u16, u16)) -> Option<u16> {
    let highest = ours.1.min(theirs.1);
    (theirs.0 <= theirs.1 && highest >= ours.0.max(theirs.0)).then_some(highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello { versions: (1, 3), site: [9; 32], instance: [4; 8], greeting: b"salut".to_vec() }
    }

    #[test]
    fn the_highest_common_version_is_chosen() {
        let bytes = hello().encode();
        assert_eq!(Hello::decode(&bytes, (1, 1)), Ok((hello(), 1)));
        assert_eq!(Hello::decode(&bytes, (2, 7)), Ok((hello(), 3)));
        assert_eq!(Hello::decode(&bytes, (4, 7)), Err(CloseReason::VersionMismatch));
    }

    #[test]
    fn another_version_is_told_apart_before_anything_else_is_read() {
        let mut bytes = Hello { versions: (40, 41), ..hello() }.encode();
        bytes.truncate(HEAD);
        bytes.extend_from_slice(b"whatever version 40 will say");
        assert_eq!(Hello::decode(&bytes, VERSIONS), Err(CloseReason::VersionMismatch));
        let upside_down = Hello { versions: (2, 1), ..hello() }.encode();
        assert_eq!(Hello::decode(&upside_down, (1, 2)), Err(CloseReason::VersionMismatch));
    }

    #[test]
    fn anything_but_one_whole_hello_is_malformed() {
        let bytes = hello().encode();
        for cut in 0..bytes.len() {
            assert_eq!(
                Hello::decode(&bytes[..cut], VERSIONS),
                Err(CloseReason::Malformed),
                "{cut}"
            );
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Hello::decode(&longer, VERSIONS), Err(CloseReason::Malformed));
    }
}
