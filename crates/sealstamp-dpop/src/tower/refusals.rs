//! How the layer answers a refused request.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderValue, Response};

use crate::response::JsonRpcId;
use crate::tower::response::ResponseBody;
use crate::verdict::Rejection;
use crate::verifier::Verifier;

/// A body of the server's own making: its content type and its bytes.
pub(super) type MakeBody = dyn Fn(&Rejection, Option<&JsonRpcId>) -> (HeaderValue, Bytes) + Send + Sync;

/// Status and fields are always the verifier's.
#[derive(Clone)]
pub(super) struct Refusals {
    pub(super) verifier: Verifier,
    pub(super) body: Option<Arc<MakeBody>>,
}

impl Refusals {
    pub(super) fn response<B>(&self, rejection: &Rejection, extensions: &Extensions) -> Response<ResponseBody<B>> {
        let (mut head, text) = self.verifier.resource_server_response(rejection).into_parts();
        let id = extensions.get::<JsonRpcId>();
        let body = match (&self.body, id) {
            (Some(make), id) => {
                let (content_type, body) = make(rejection, id);
                head.headers.insert(CONTENT_TYPE, content_type);
                body
            }
            (None, Some(id)) => Bytes::from(rejection.json_rpc_body(Some(id))),
            (None, None) => Bytes::from_static(text.as_bytes()),
        };
        Response::from_parts(head, ResponseBody::refusal(body))
    }
}
