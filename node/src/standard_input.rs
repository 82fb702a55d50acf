//! Standard input as a signal: each line says something, its end says more.

use std::io::BufRead;

use tokio::sync::mpsc;

/// Longest line that counts as one; what is longer counts as several.
const LINE_MAX: u64 = 4096;

/// One message for each line; the channel closes with standard input.
///
/// A thread of its own reads: it may wait for ever, and does not keep the process
/// from ending.
pub(crate) fn lines() -> mpsc::Receiver<()> {
    let (told, lines) = mpsc::channel(1);
    std::thread::spawn(move || read(&mut std::io::stdin().lock(), &told));
    lines
}

fn read(from: &mut impl BufRead, told: &mpsc::Sender<()>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut *from, LINE_MAX).read_until(b'\n', &mut line);
        match read {
            Ok(length) if length > 0 => {
                if told.blocking_send(()).is_err() {
                    return;
                }
            }
            Ok(_) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::read;

    #[test]
    fn each_line_is_told_and_the_end_closes() {
        let (told, mut lines) = mpsc::channel(8);
        let mut input = std::io::Cursor::new(b"a\n\nlast".to_vec());
        read(&mut input, &told);
        drop(told);
        let mut count = 0;
        while lines.blocking_recv().is_some() {
            count += 1;
        }
        assert_eq!(count, 3);
    }
}
