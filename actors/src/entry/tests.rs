use super::*;

fn written() -> (Author, Vec<Entry>) {
    let mut author = Author::new([7; 32]);
    let mut log = Vec::new();
    for place in 0..3u8 {
        let entry = author.entry(vec![place; 40], i64::from(place)).unwrap();
        author.advance(&entry);
        log.push(entry);
    }
    (author, log)
}

#[test]
fn an_entry_reads_back_and_verifies() {
    for entry in written().1 {
        let read = Entry::parse(&entry.to_bytes()).unwrap();
        assert_eq!(read, entry);
        assert_eq!(read.verify(), Ok(()));
    }
}

#[test]
fn each_entry_names_the_one_before_it() {
    let (_, log) = written();
    assert_eq!(log[0].prev, NO_ENTRY);
    assert_eq!(log[1].prev, log[0].hash());
    assert_eq!(log[2].prev, log[1].hash());
}

#[test]
fn no_flipped_bit_passes() {
    let bytes = written().1[1].to_bytes();
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let refused = Entry::parse(&flipped).and_then(|entry| entry.verify());
        assert!(refused.is_err(), "bit {place} flipped and nobody noticed");
    }
}

#[test]
fn truncated_oversized_and_future_entries_are_refused() {
    let bytes = written().1[1].to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(Entry::parse(&bytes[..length]).err(), Some(EntryError::Length), "{length}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Entry::parse(&longer).err(), Some(EntryError::Length));
    assert_eq!(Entry::parse(&vec![VERSION; 5_000]).err(), Some(EntryError::Length));
    let mut future = bytes;
    future[0] = VERSION + 1;
    assert_eq!(Entry::parse(&future).err(), Some(EntryError::Version(VERSION + 1)));
    assert!(Author::new([1; 32]).entry(vec![0; MOST_BODY + 1], 0).is_none());
    let largest = Author::new([1; 32]).entry(vec![0; MOST_BODY], 0).unwrap();
    assert!(largest.to_bytes().len() <= MOST_ENTRY);
}
