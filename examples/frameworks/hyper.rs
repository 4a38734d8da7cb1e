//! The verifier in front of plain hyper, without a layer: a handler asks it, and answers as it says.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sealstamp_dpop::{JwtValidator, RequestHead, Verifier};
use sealstamp_examples::clock::now;
use tokio::net::TcpListener;

/// Says hello to whoever proves who they are, until there is no other connection to take.
pub(crate) async fn serve(listener: TcpListener, verifier: Verifier, tokens: JwtValidator) {
    let state = Arc::new((verifier, tokens));
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| handle(Arc::clone(&state), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn handle(
    state: Arc<(Verifier, JwtValidator)>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (verifier, tokens) = &*state;
    let (parts, _body) = request.into_parts();
    Ok(match verifier.decide(RequestHead::of(&parts), tokens, now()).await {
        Ok(caller) => {
            let mut response = Response::new(Full::from(format!("hello {:?}", caller.token().subject())));
            caller.write_headers(response.headers_mut());
            response
        }
        Err(rejection) => verifier.resource_server_response(&rejection).map(Full::from),
    })
}
