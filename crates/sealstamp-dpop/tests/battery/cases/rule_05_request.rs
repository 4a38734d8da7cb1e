//! Rule 5: the request.

use http::Method;
use sealstamp_dpop::Reason;
use sealstamp_testkit::quoted;

use crate::cases::case::{Case, proof};
use crate::cases::defects::htu;

pub(super) const CASES: &[Case] = &[
    proof("R43-8", "htm GET", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted("GET"))),
    proof("R43-8", "htm in lower case", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted("post"))),
    proof("R43-8", "htm empty", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted(""))),
    proof("R43-8", "htm with a space", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted("POST "))),
    proof("R43-8", "a POST proof on a GET", Reason::WrongMethod, |d, _| d.method = Method::GET),
    proof("R43-8", "a Cyrillic look-alike in htm", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted("PОST"))),
    proof("R43-9", "htu of another path", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/other")),
    proof("R43-9", "a request for another path", Reason::WrongUri, |d, _| d.path = "/other".into()),
    proof("R43-9", "htu with a trailing slash", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/mcp/")),
    proof("R43-9", "a request with a trailing slash", Reason::WrongUri, |d, _| d.path = "/mcp/".into()),
    proof("R43-9", "htu in plain HTTP", Reason::WrongUri, |d, _| htu(d, "http://mcp.example.com/mcp")),
    proof("R43-9", "htu of another host", Reason::WrongUri, |d, _| htu(d, "https://evil.example/mcp")),
    proof("R43-9", "htu of another port", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com:8443/mcp")),
    proof("R43-9", "htu with a user", Reason::WrongUri, |d, _| htu(d, "https://u@mcp.example.com/mcp")),
    proof("R43-9", "htu with an empty user", Reason::WrongUri, |d, _| htu(d, "https://@mcp.example.com/mcp")),
    proof("R43-9", "htu with the path in upper case", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/MCP")),
    proof("R43-9", "htu with a backslash", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com\\\\mcp")),
    proof("R43-9", "htu with a line break", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/m\\ncp")),
    proof("R43-9", "htu with a zero byte", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/mcp\\u0000")),
    proof("R43-9", "htu with an escaped slash", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com%2fmcp")),
    proof("R43-9", "htu relative", Reason::WrongUri, |d, _| htu(d, "/mcp")),
    proof("R43-9", "htu without slashes", Reason::WrongUri, |d, _| htu(d, "https:mcp.example.com/mcp")),
    proof("R43-9", "htu empty", Reason::WrongUri, |d, _| htu(d, "")),
    proof("R43-9", "htu in non-ASCII", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/mcpé")),
    proof("R43-9", "htu with a full-width host", Reason::WrongUri, |d, _| htu(d, "https://ｍcp.example.com/mcp")),
];
