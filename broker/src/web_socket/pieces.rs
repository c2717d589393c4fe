//! What comes over WebSocket, cut into small messages. tungstenite hands on a message once all of it has come, so a
//! large one would be held beside the account. Where messages begin and end means nothing in MQTT: cut, half a
//! packet waits where one over TCP does, and counts there.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// Bytes of a piece. A multiple of four, because a piece is masked like the frame it was cut from.
pub(super) const PIECE: usize = 8 * 1024;

/// A client's stream of frames, with each binary one as complete messages of at most [`PIECE`] bytes. Other frames are
/// left as they are; what is written passes through.
#[derive(Debug)]
pub(super) struct Pieces<S> {
    stream: BufReader<S>,
    /// The header that is being read.
    header: Vec<u8>,
    /// The frame that is being cut, and how much of its payload is in no piece yet.
    frame: FrameHeader,
    uncut: u64,
    /// A piece's header that was not handed on yet, and how much of its payload was not.
    begun: BytesMut,
    piece: u64,
    /// Whether more frames of a binary message are to come.
    in_message: bool,
}

impl<S: AsyncRead> Pieces<S> {
    pub(super) fn new(stream: S) -> Pieces<S> {
        Pieces {
            stream: BufReader::with_capacity(PIECE, stream),
            header: Vec::new(),
            frame: FrameHeader::default(),
            uncut: 0,
            begun: BytesMut::new(),
            piece: 0,
            in_message: false,
        }
    }

    /// Begins a frame, of which the header has come.
    fn begin(&mut self, mut frame: FrameHeader, length: u64) -> io::Result<()> {
        self.header.clear();
        let is_ours = match frame.opcode {
            OpCode::Data(Data::Continue) => self.in_message,
            OpCode::Data(_) if self.in_message => {
                return Err(io::Error::other("a message in the middle of another one"));
            }
            OpCode::Data(Data::Binary) => true,
            _ => false,
        };
        if is_ours {
            self.in_message = !frame.is_final;
            (frame.opcode, frame.is_final) = (OpCode::Data(Data::Binary), true);
        }
        self.frame = frame;
        self.uncut = length;
        // tungstenite refuses what is too long.
        self.cut(if is_ours { PIECE as u64 } else { u64::MAX })
    }

    /// Begins the next piece, of so many bytes at most.
    fn cut(&mut self, most: u64) -> io::Result<()> {
        self.piece = self.uncut.min(most);
        self.uncut -= self.piece;
        let mut header = Vec::new();
        self.frame.format(self.piece, &mut header).map_err(io::Error::other)?;
        self.begun = BytesMut::from(&header[..]);
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pieces<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.begun.is_empty() {
                let count = this.begun.len().min(buffer.remaining());
                buffer.put_slice(&this.begun.split_to(count));
                return Poll::Ready(Ok(()));
            }
            if this.piece == 0 && this.uncut > 0 {
                this.cut(PIECE as u64)?;
                continue;
            }
            let mut available = ready!(Pin::new(&mut this.stream).poll_fill_buf(context))?;
            if available.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if this.piece > 0 {
                let count = available.len().min(buffer.remaining());
                let count = usize::try_from(this.piece).map_or(count, |piece| piece.min(count));
                buffer.put_slice(&available[..count]);
                Pin::new(&mut this.stream).consume(count);
                this.piece -= count as u64;
                return Poll::Ready(Ok(()));
            }
            this.header.push(available.get_u8());
            Pin::new(&mut this.stream).consume(1);
            let parsed = FrameHeader::parse(&mut Cursor::new(&this.header)).map_err(io::Error::other)?;
            if let Some((frame, length)) = parsed {
                this.begin(frame, length)?;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Pieces<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
