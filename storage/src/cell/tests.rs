use super::*;
use crate::contract::noise;

fn cells(key: &[u8], body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut cells = Vec::new();
    seal(key, body, |key, cell| cells.push((key, cell)));
    cells
}

#[test]
fn every_flipped_bit_is_found() {
    let key = entry_key(&[3; 32], 9);
    let (_, cell) = cells(&key, b"a small entry").remove(0);
    assert_eq!(unseal(&key, &cell).unwrap(), Cell::Whole(b"a small entry".to_vec()));
    for bit in 0..cell.len() * 8 {
        let mut flipped = cell.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(unseal(&key, &flipped).is_err(), "bit {bit}");
    }
    for len in 0..cell.len() {
        assert!(unseal(&key, &cell[..len]).is_err(), "cut to {len}");
    }
}

#[test]
fn a_value_under_another_key_is_found() {
    let (_, cell) = cells(&entry_key(&[3; 32], 9), b"entry").remove(0);
    let error = unseal(&entry_key(&[3; 32], 10), &cell).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("E:0303") && text.contains("0000000a"), "{text}");
}

#[test]
fn a_long_body_lies_in_parts_that_name_their_head() {
    let head = table_key(crate::operation::Table::Rows, b"row");
    for (len, parts) in [(PART, 0), (PART + 1, 2), (3 * PART, 3), (3 * PART + 1, 4)] {
        let body = noise(1, len);
        let cells = cells(&head, &body);
        assert_eq!(cells.len(), parts + 1, "{len}");
        let Some((first, rest)) = cells.split_first() else { panic!("no cell") };
        assert_eq!(first.0, head);
        if parts > 0 {
            assert_eq!(part_count(len), parts as u32);
            let sum = crc32fast::hash(&body);
            assert_eq!(unseal(&head, &first.1).unwrap(), Cell::Long { length: len, sum });
        }
        for (number, (key, _)) in rest.iter().enumerate() {
            assert_eq!(head_of_part(key), Some((&head[..], number as u32)));
        }
    }
}

#[test]
fn entries_sort_by_epoch_and_number() {
    let keys = [
        entry_key(&[0; 32], 0),
        entry_key(&[0; 32], 255),
        entry_key(&[0; 32], 256),
        entry_key(&[0; 32], u64::MAX),
        entry_key(&[1; 32], 0),
        entry_key(&[255; 32], u64::MAX),
    ];
    assert!(keys.is_sorted());
    assert!(keys.iter().all(|key| &key[..] > FIRST_ENTRY && &key[..] < AFTER_ENTRIES));
    assert_eq!(entry_place(&keys[2]).unwrap(), ([0; 32], 256));
    for wrong in [&b""[..], b"E", b"Fabc", &keys[0][..40]] {
        assert!(entry_place(wrong).is_err());
    }
}
