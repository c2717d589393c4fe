//! The body of an answer, which is in work until it was taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::quotas::RequestQuota;
use crate::reply::{Body, BodyError};
use crate::slots::Busy;

/// A body that keeps its connection's slot busy and counts against its browser's quota.
pub(crate) struct SentBody {
    pub(crate) body: Body,
    pub(crate) _busy: Busy,
    pub(crate) _quota: Option<RequestQuota>,
}

impl hyper::body::Body for SentBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
