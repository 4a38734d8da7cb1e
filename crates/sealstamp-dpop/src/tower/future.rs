//! Waits for the decision, then for the inner service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::stages::Accepted;
use crate::tower::gate::Decided;
use crate::tower::refusals::Refusals;
use crate::tower::response::ResponseBody;

/// The decision, and the request that it is about. Boxed, since what a [`TokenValidator`](crate::TokenValidator) waits
/// for has no name.
pub(super) type Deciding<B> = Pin<Box<dyn Future<Output = Decided<B>> + Send>>;

pin_project! {
    /// The response of a [`DpopService`](super::DpopService), when it is there.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
    }
}

pin_project! {
    #[project = StateProjected]
    enum State<S, F, B> {
        Deciding { deciding: Deciding<B>, refusals: Refusals, inner: S },
        Running { #[pin] running: F, accepted: Accepted },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn new(deciding: Deciding<B>, refusals: Refusals, inner: S) -> Self {
        Self { state: State::Deciding { deciding, refusals, inner } }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjected::Deciding { deciding, refusals, inner } => {
                    let running = match ready!(deciding.as_mut().poll(cx)) {
                        Err((extensions, rejection)) => {
                            return Poll::Ready(Ok(refusals.response(&rejection, &extensions)));
                        }
                        Ok((mut request, accepted)) => {
                            request.extensions_mut().insert(accepted.clone());
                            State::Running { running: inner.call(request), accepted }
                        }
                    };
                    state.set(running);
                }
                StateProjected::Running { running, accepted } => {
                    let mut response = ready!(running.poll(cx))?;
                    accepted.write_headers(response.headers_mut());
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
