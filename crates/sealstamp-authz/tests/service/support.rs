//! A service as a process of its own, with a ring, an issuer and a client, and a proxy's side of the questions.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use sealstamp::{Fresh, Ring, RingFile, Settings, Suite, UnixMillis};
use sealstamp_testkit::{Draft, free_port, issuer, key};
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_sealstamp-authz");

/// A listener for each dialect, an operator's, a ring, and one resource whose tokens the kit's issuer makes.
pub(crate) const CONFIG: &str = r#"
[[listener]]
address = "unix:FOLDER/nginx.sock"
dialect = "nginx"

[[listener]]
address = "unix:FOLDER/caddy.sock"
dialect = "caddy"

[[listener]]
address = "unix:FOLDER/traefik.sock"
dialect = "traefik"

[[listener]]
address = "unix:FOLDER/envoy.sock"
dialect = "envoy"

[operator]
address = "unix:FOLDER/operator.sock"

[ring]
file = "ring.json"

[[resource]]
name = "mcp"
public_url = "https://mcp.example.com/mcp"

[[resource.issuer]]
url = "https://issuer.example.com"
jwks_file = "jwks.json"
"#;

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Waits until this holds, and panics if it takes ten seconds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A folder with a ring and an issuer's keys.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let now = UnixMillis::from_system_time(SystemTime::now());
        let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os().unwrap());
        let folder = Self(folder);
        RingFile::new(folder.path("ring.json")).create(&ring).unwrap();
        folder.write("jwks.json", &issuer().jwks());
        folder
    }

    /// Another ring, whose nonces are good for this many seconds.
    pub(crate) fn ring_with_lifetime(&self, seconds: u32) {
        let now = UnixMillis::from_system_time(SystemTime::now());
        let settings = Settings::new(seconds, 5, 600).unwrap();
        let ring = Ring::init(settings, Suite::Aes256Gcm, now, Fresh::from_os().unwrap());
        fs::remove_file(self.path("ring.json")).unwrap();
        RingFile::new(self.path("ring.json")).create(&ring).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes the configuration, with `FOLDER` replaced.
    pub(crate) fn configure(&self, text: &str) {
        self.write("authz.toml", &text.replace("FOLDER", &self.0.path().display().to_string()));
    }
}

/// The running service. It ends with this value.
pub(crate) struct Service {
    pub(crate) folder: Arc<Folder>,
    child: Child,
}

impl Service {
    pub(crate) fn start(config: &str) -> Self {
        Self::start_in(Folder::new(), config)
    }

    pub(crate) fn start_in(folder: Folder, config: &str) -> Self {
        folder.configure(config);
        Self::start_again(Arc::new(folder))
    }

    /// Another process in the same folder.
    pub(crate) fn restart(&self) -> Self {
        Self::start_again(Arc::clone(&self.folder))
    }

    fn start_again(folder: Arc<Folder>) -> Self {
        let service = Self::spawn(folder, &["--log", "debug"], Command::new(BINARY));
        until("the service listens", || service.log().contains("ready to answer"));
        service
    }

    /// In surroundings that a shell makes before it becomes the service: `"$0" "$@"` is the service.
    pub(crate) fn start_in_shell(folder: Folder, config: &str, script: &str) -> Self {
        folder.configure(config);
        let mut shell = Command::new("sh");
        shell.args(["-c", script, BINARY]).env("FOLDER", folder.0.path());
        let service = Self::spawn(Arc::new(folder), &[], shell);
        until("the service listens", || {
            let operator = UnixStream::connect(service.folder.path("operator.sock"));
            operator.is_ok_and(|stream| ask(stream, "GET", "/livez", &[]).status == 200)
        });
        service
    }

    fn spawn(folder: Arc<Folder>, flags: &[&str], mut command: Command) -> Self {
        let log = fs::File::create(folder.path("log")).unwrap();
        let child = command
            .arg("--config")
            .arg(folder.path("authz.toml"))
            .args(flags)
            .env_remove("SEALSTAMP_MIN_SERIAL")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { folder, child }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end, and gives the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut code = None;
        until("the service ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.and_then(|status| status.code())
    }

    /// Reloads, and waits until that has come to an end. True if the new configuration is in use.
    pub(crate) fn reload(&self) -> bool {
        let before = self.reloads();
        self.signal("HUP");
        until("the reload has come to an end", || self.reloads() != before);
        self.reloads().1 == before.1
    }

    /// How many reloads there were, good and refused.
    pub(crate) fn reloads(&self) -> (u64, u64) {
        let status = self.status();
        let count = |name: &str| status["configuration"][name].as_u64().unwrap();
        (count("done"), count("failed"))
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.operator("/healthz").body).unwrap()
    }

    pub(crate) fn operator(&self, path: &str) -> Reply {
        ask(self.connect("operator"), "GET", path, &[])
    }

    pub(crate) fn connect(&self, socket: &str) -> UnixStream {
        UnixStream::connect(self.folder.path(&format!("{socket}.sock"))).unwrap()
    }

    pub(crate) fn ask(&self, question: &Question) -> Reply {
        ask(self.connect(question.socket), &question.method, &question.target, &question.fields)
    }

    /// A nonce, as a first request gets it.
    pub(crate) fn nonce(&self) -> String {
        let reply = self.ask(&Question::about("caddy", "POST", "/mcp"));
        reply.field("dpop-nonce").unwrap_or_else(|| panic!("a nonce: {reply:?}")).to_owned()
    }

    /// A good request, as a client makes it.
    pub(crate) fn draft(&self) -> Draft {
        Draft::new(&key("ES256"), &self.nonce(), now_s())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a proxy asks.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) socket: &'static str,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
}

impl Question {
    /// About this request to the resource `mcp`, without credentials.
    pub(crate) fn about(socket: &'static str, method: &str, uri: &str) -> Self {
        let question = Self { socket, method: "GET".into(), target: "/check/mcp".into(), fields: Vec::new() };
        match socket {
            "nginx" => question.with("X-Original-Method", method).with("X-Original-URI", uri),
            "envoy" => Self { method: method.into(), target: format!("/check/mcp{uri}"), ..question },
            _ => question.with("X-Forwarded-Method", method).with("X-Forwarded-Uri", uri),
        }
    }

    /// About this client's request.
    pub(crate) fn of(socket: &'static str, draft: &Draft) -> Self {
        let mut question = Self::about(socket, draft.method.as_str(), &draft.path);
        for (name, value) in &draft.headers() {
            question.fields.push((name.to_string(), value.as_bytes().to_vec()));
        }
        question
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    pub(crate) fn named(mut self, resource: &str) -> Self {
        self.target = self.target.replacen("/check/mcp", &format!("/check/{resource}"), 1);
        self
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// The one value of this field, if there is one. Names are lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes twice");
        value
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(mut stream: impl Read + Write, method: &str, target: &str, fields: &[(String, Vec<u8>)]) -> Reply {
    send(&mut stream, method, target, fields, "close").unwrap();
    read_reply(&mut stream).expect("a reply")
}

pub(crate) fn send(
    stream: &mut impl Write,
    method: &str,
    target: &str,
    fields: &[(String, Vec<u8>)],
    connection: &str,
) -> io::Result<()> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: authz\r\nConnection: {connection}\r\n").into_bytes();
    for (name, value) in fields {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    stream.write_all(&head)
}

/// A reply with a `Content-Length` or without a body. `None` if the connection ends before it.
pub(crate) fn read_reply(stream: &mut impl Read) -> Option<Reply> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let fields: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length =
        fields.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Reply { status, fields, body: String::from_utf8(body).unwrap() })
}

/// An issuer's HTTP server: each request gets what the function says of its head and body.
pub(crate) struct HttpServer {
    pub(crate) port: u16,
}

impl HttpServer {
    pub(crate) fn start(answer: impl Fn(&str) -> String + Clone + Send + 'static) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let answer = answer.clone();
                thread::spawn(move || one(stream?, &answer));
            }
            Ok::<_, io::Error>(())
        });
        Self { port }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

fn one(mut stream: TcpStream, answer: &impl Fn(&str) -> String) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body)?;
    let body = answer(&format!("{head}{}", String::from_utf8_lossy(&body)));
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Runs `--check` in this folder, and gives the exit code and standard error.
pub(crate) fn check(folder: &Path, file: &str) -> (Option<i32>, String) {
    let output = Command::new(BINARY)
        .args(["--check", "--config", file])
        .current_dir(folder)
        .env_remove("SEALSTAMP_MIN_SERIAL")
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
