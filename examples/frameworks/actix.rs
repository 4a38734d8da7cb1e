//! The verifier in front of actix-web. Its types are those of an older `http` crate, so heads are copied. A handler has
//! the body anyway, so a refusal carries the request's id.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use http::request::Parts;
use http::{Request, Response};
use sealstamp_dpop::{JsonRpcId, JwtValidator, RequestHead, Verifier};
use sealstamp_examples::clock::now;

/// Says hello to whoever proves who they are.
///
/// # Errors
///
/// When the socket cannot be used.
pub(crate) fn serve(listener: TcpListener, verifier: Verifier, tokens: JwtValidator) -> std::io::Result<Server> {
    let state = web::Data::new((verifier, tokens));
    let app = move || App::new().app_data(state.clone()).route("/mcp", web::to(handle));
    Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
}

async fn handle(
    state: web::Data<(Verifier, JwtValidator)>,
    request: HttpRequest,
    body: web::Bytes,
) -> actix_web::Result<HttpResponse> {
    let (verifier, tokens) = &**state;
    let head = head(&request).map_err(actix_web::error::ErrorBadRequest)?;
    let response = match verifier.decide(RequestHead::of(&head), tokens, now()).await {
        Ok(caller) => {
            let mut response = Response::new(format!("hello {:?}", caller.token().subject()));
            caller.write_headers(response.headers_mut());
            response
        }
        Err(rejection) => {
            let id = JsonRpcId::of(&body);
            verifier.resource_server_response(&rejection).map(|_| rejection.json_rpc_body(id.as_ref()))
        }
    };
    answer(response)
}

fn head(request: &HttpRequest) -> http::Result<Parts> {
    let head = Request::builder().method(request.method().as_str()).uri(request.uri().to_string());
    let fields = request.headers().iter();
    let head = fields.fold(head, |head, (name, value)| head.header(name.as_str(), value.as_bytes()));
    Ok(head.body(())?.into_parts().0)
}

fn answer(response: Response<String>) -> actix_web::Result<HttpResponse> {
    let status = actix_web::http::StatusCode::from_u16(response.status().as_u16());
    let mut answer = HttpResponse::build(status.map_err(actix_web::error::ErrorInternalServerError)?);
    for (name, value) in response.headers() {
        answer.append_header((name.as_str(), value.as_bytes()));
    }
    Ok(answer.body(response.into_body()))
}
