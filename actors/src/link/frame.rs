//! Frames: a length (u32, little endian) and that many bytes; never empty, never over its bound.

use quinn::{ReadExactError, RecvStream, SendStream, WriteError};

use super::close::{CloseReason, LinkEnd};

/// Reads the next frame.
///
/// A stream that ends, inside a frame or between two, is a breach: lanes live as long as their
/// link. Memory is taken only for a length within `bound`.
pub(crate) async fn read(stream: &mut RecvStream, bound: usize) -> Result<Vec<u8>, LinkEnd> {
    let mut length = [0; 4];
    read_exact(stream, &mut length).await?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > bound {
        return Err(LinkEnd::Ours(CloseReason::Malformed));
    }
    let mut bytes = vec![0; length];
    read_exact(stream, &mut bytes).await?;
    Ok(bytes)
}

/// Writes one frame. `bytes` is within the bound of its lane (who queues it has checked that).
pub(crate) async fn write(stream: &mut SendStream, bytes: &[u8]) -> Result<(), LinkEnd> {
    let length = u32::try_from(bytes.len()).map_err(|_| LinkEnd::Ours(CloseReason::Malformed))?;
    write_all(stream, &length.to_le_bytes()).await?;
    write_all(stream, bytes).await
}

pub(crate) async fn read_exact(stream: &mut RecvStream, into: &mut [u8]) -> Result<(), LinkEnd> {
    match stream.read_exact(into).await {
        Ok(()) => Ok(()),
        Err(ReadExactError::ReadError(quinn::ReadError::ConnectionLost(error))) => {
            Err(LinkEnd::from(&error))
        }
        Err(ReadExactError::FinishedEarly(_) | ReadExactError::ReadError(_)) => {
            Err(LinkEnd::Ours(CloseReason::Malformed))
        }
    }
}

pub(crate) async fn write_all(stream: &mut SendStream, bytes: &[u8]) -> Result<(), LinkEnd> {
    match stream.write_all(bytes).await {
        Ok(()) => Ok(()),
        Err(WriteError::ConnectionLost(error)) => Err(LinkEnd::from(&error)),
        Err(WriteError::Stopped(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected) => {
            Err(LinkEnd::Ours(CloseReason::Malformed))
        }
    }
}
