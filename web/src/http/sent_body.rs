//! The body of an answer, which is in work until it was taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::http::quotas::Share;
use crate::http::reply;
use crate::http::slots::InWork;
use crate::ledger::reader::ReadError;

/// A body that keeps its connection's place and its browser's share.
pub(crate) struct WhileSent {
    pub(crate) body: reply::Body,
    pub(crate) _in_work: InWork,
    pub(crate) _share: Option<Share>,
}

impl Body for WhileSent {
    type Data = Bytes;
    type Error = ReadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
