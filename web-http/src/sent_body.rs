//! The body of an answer, which is in work until it was taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::quotas::RequestQuota;
use crate::reply::{Body, BodyError};
use crate::slots::Busy;

/// A body that keeps its connection's slot busy and counts against its browser's quota. A stream of events ends,
/// as a whole one, when it is displaced.
pub(crate) struct SentBody {
    pub(crate) body: Body,
    pub(crate) _busy: Busy,
    pub(crate) _quota: Option<RequestQuota>,
    /// For a stream of events: when it has to make room for a newcomer.
    pub(crate) displaced: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl hyper::body::Body for SentBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let displaced = self.displaced.as_mut().map(|displaced| displaced.as_mut().poll(cx));
        match displaced {
            Some(Poll::Ready(())) => Poll::Ready(None),
            _ => Pin::new(&mut self.body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
