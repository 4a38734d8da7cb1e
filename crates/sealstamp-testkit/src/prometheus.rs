//! A real Prometheus, with the rules of `deploy/`.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::store_server::free_port;

/// Whether this program is there: `prometheus` or `promtool`, which Debian has in one package. Nothing may be skipped
/// with `CI=true`.
pub fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "nothing may be skipped: no {program}");
        eprintln!("skipped: there is no {program}");
    }
    there
}

/// One that scrapes, killed when it is dropped.
pub struct Prometheus {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes this address, `HOST:PORT`, five times a second, and looks at the rules as often.
    pub fn start(job: &str, address: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus/alerts.yml");
        let rules = rules.canonicalize().expect("the rules");
        let config = format!(
            "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }}\n\
             rule_files: [{rules:?}]\n\
             scrape_configs: [{{ job_name: {job:?}, static_configs: [{{ targets: [{address:?}] }}] }}]\n"
        );
        fs::write(folder.path().join("prometheus.yml"), config).expect("a file");
        let port = free_port();
        let child = Command::new("prometheus")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).expect("a file"))
            .spawn()
            .expect("prometheus starts");
        Self { child, port, folder }
    }

    /// Where it answers: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
