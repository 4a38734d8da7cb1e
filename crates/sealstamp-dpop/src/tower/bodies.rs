//! Bodies of requests: untouched, or read up to a bound where the policy needs them, and handed on as they were.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::vec;

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};

use crate::verdict::Reason;

/// The longest body that a layer reads unless told otherwise, in bytes: 1 MiB.
pub const DEFAULT_MAX_BODY_BYTES: usize = 1024 * 1024;

/// A body is kept in pieces of at most this size. So no more memory is taken than has come in, but for one piece, and
/// nothing is copied twice.
const PIECE_BYTES: usize = 64 * 1024;

/// What a layer does with the body of a request whose policy needs it. Only this crate's two types do it.
pub trait Bodies<B>: Clone + Send + Sync + 'static {
    /// The bytes of this body, and a body with the same bytes and trailers. Or why there is none.
    fn read(
        &self,
        body: B,
        headers: &HeaderMap,
        max_bytes: usize,
    ) -> impl Future<Output = Result<(Vec<Bytes>, B), Reason>> + Send;
}

/// Bodies pass untouched. A request is refused if its policy needs the body.
#[derive(Debug, Clone, Copy)]
pub struct Untouched(pub(super) ());

impl<B: Send + 'static> Bodies<B> for Untouched {
    async fn read(&self, _: B, _: &HeaderMap, _: usize) -> Result<(Vec<Bytes>, B), Reason> {
        Err(Reason::BodyNotSeen)
    }
}

/// Bodies are read where the policy needs them, and made anew for the inner service by this function.
#[derive(Debug, Clone, Copy)]
pub struct ReadBodies<F>(pub(super) F);

impl<B, F> Bodies<B> for ReadBodies<F>
where
    B: Body + Send + 'static,
    F: Fn(BufferedBody) -> B + Clone + Send + Sync + 'static,
{
    async fn read(&self, body: B, headers: &HeaderMap, max_bytes: usize) -> Result<(Vec<Bytes>, B), Reason> {
        if announced(&body, headers) > max_bytes as u64 {
            return Err(Reason::BodyTooLarge);
        }
        let (pieces, trailers) = read(body, max_bytes).await?;
        let again = BufferedBody::new(pieces.clone(), trailers);
        Ok((pieces, (self.0)(again)))
    }
}

/// How many bytes the head of the request says will come, or else those that are known to.
fn announced<B: Body>(body: &B, headers: &HeaderMap) -> u64 {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or(0).max(body.size_hint().lower())
}

/// The body in pieces, and its trailers. Fails as soon as more than `max_bytes` have come.
async fn read<B: Body>(body: B, max_bytes: usize) -> Result<(Vec<Bytes>, Option<HeaderMap>), Reason> {
    let expected = body.size_hint().exact().and_then(|exact| usize::try_from(exact).ok()).unwrap_or(PIECE_BYTES);
    let mut body = pin!(body);
    let (mut pieces, mut piece, mut trailers) = (Vec::new(), Vec::new(), None);
    let mut left = max_bytes;
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame.map_err(|_| Reason::BodyIncomplete)?.into_data() {
            Ok(mut data) => {
                left = left.checked_sub(data.remaining()).ok_or(Reason::BodyTooLarge)?;
                while data.has_remaining() {
                    if piece.len() == piece.capacity() {
                        if !piece.is_empty() {
                            pieces.push(Bytes::from(std::mem::take(&mut piece)));
                        }
                        let room = left.saturating_add(data.remaining());
                        piece.reserve_exact(expected.clamp(1, PIECE_BYTES).min(room));
                    }
                    let some = piece.capacity().saturating_sub(piece.len()).min(data.chunk().len());
                    piece.extend_from_slice(data.chunk().get(..some).unwrap_or_default());
                    data.advance(some);
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok().or(trailers),
        }
    }
    pieces.push(Bytes::from(piece));
    Ok((pieces, trailers))
}

/// A body that the layer has read: the same bytes, and then the same trailers.
#[derive(Debug)]
pub struct BufferedBody {
    pieces: vec::IntoIter<Bytes>,
    trailers: Option<HeaderMap>,
}

impl BufferedBody {
    fn new(mut pieces: Vec<Bytes>, trailers: Option<HeaderMap>) -> Self {
        pieces.retain(|piece| !piece.is_empty());
        Self { pieces: pieces.into_iter(), trailers }
    }
}

impl Body for BufferedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.pieces.next().map(Frame::data).or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.as_slice().is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.pieces.as_slice().iter().map(|piece| piece.len() as u64).sum())
    }
}
