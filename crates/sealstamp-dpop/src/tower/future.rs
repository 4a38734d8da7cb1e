//! Waits for the token's verdict, then for the inner service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::ResponseBody;
use crate::{Accepted, Refused, Verifier};

/// The verdict on a token; the one allocation that an accepted request costs here.
pub(super) type Verdict = Pin<Box<dyn Future<Output = Result<Accepted, Refused>> + Send>>;

pin_project! {
    /// The response, when it is there: of [`DpopService`](super::DpopService).
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
        Refused { response: Option<Response<&'static str>> },
        Verifying { verdict: Verdict, verifier: Verifier, inner: S, request: Option<Request<B>> },
        Running { #[pin] future: F, accepted: Accepted },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn refused(response: Response<&'static str>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(super) fn verifying(verdict: Verdict, verifier: Verifier, inner: S, request: Request<B>) -> Self {
        Self { state: State::Verifying { verdict, verifier, inner, request: Some(request) } }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project().state.project() {
                StateProjected::Refused { response } => match response.take() {
                    Some(response) => return Poll::Ready(Ok(response.map(ResponseBody::refusal))),
                    // Polled after it was ready, which no caller may do; there is nothing to say and nothing to panic for.
                    None => return Poll::Pending,
                },
                StateProjected::Verifying { verdict, verifier, inner, request } => {
                    match (ready!(verdict.as_mut().poll(cx)), request.take()) {
                        (Err(refused), _) => {
                            State::Refused { response: Some(verifier.resource_server_response(&refused)) }
                        }
                        (Ok(accepted), Some(mut request)) => {
                            request.extensions_mut().insert(accepted.clone());
                            State::Running { future: inner.call(request), accepted }
                        }
                        (Ok(_), None) => State::Refused { response: None },
                    }
                }
                StateProjected::Running { future, accepted } => {
                    let mut response = ready!(future.poll(cx))?;
                    accepted.write_headers(response.headers_mut());
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
            };
            self.as_mut().project().state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
