//! What a client is sent, on its way out.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::connection::handshake::LAST_WRITE_WITHIN;
use crate::connection::{Connection, Ending, READ_BYTES};

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// So much was written; with 0, what was written before is on its way to the client.
    pub(super) fn wrote(&mut self, written: usize) {
        self.unflushed = if written == 0 { 0 } else { self.unflushed + written };
        self.surroundings.traffic.bytes_sent.add(written);
        self.timing.wrote();
        if self.unwritten.is_empty() && self.unflushed > READ_BYTES {
            // What once was much gives its room back.
            self.unwritten = BytesMut::new();
        }
    }

    /// The packet that is written next is new for the client.
    pub(super) fn begin_writing(&mut self) {
        if self.unwritten.is_empty() {
            self.timing.wrote();
        }
        self.surroundings.traffic.packets_sent.add(1);
    }

    /// Sends what is still to be sent, if the client reads, and closes.
    pub(super) async fn write_last_packet(&mut self, ending: &Ending) {
        if matches!(ending, Ending::Io(_) | Ending::NotReading) {
            return;
        }
        if self.connected {
            self.version.write_ending(ending, &mut self.unwritten);
        }
        let reasons = async {
            self.writer.write_all_buf(&mut self.unwritten).await?;
            self.writer.shutdown().await
        };
        // It is over in any case.
        let _ = tokio::time::timeout(LAST_WRITE_WITHIN, reasons).await;
    }
}
