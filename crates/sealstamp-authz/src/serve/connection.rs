//! HTTP/1.1 on accepted connections, within bounds, until the process is asked to stop.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::answer::Reply;
use crate::config::Bounds;
use crate::serve::listen::{Listener, Stream};

/// Sent where no request was read, so that whoever waits hears a status.
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How long the last words on a connection may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The bounds of one listener's connections.
#[derive(Clone)]
pub(crate) struct Limits {
    head_bytes: usize,
    head: Duration,
    stop: Duration,
    connections: Arc<Semaphore>,
}

impl Limits {
    /// With room for this many connections.
    pub(crate) fn of(bounds: &Bounds, connections: usize) -> Self {
        Self {
            head_bytes: bounds.head_bytes,
            head: bounds.head,
            stop: bounds.stop,
            connections: Arc::new(Semaphore::new(connections)),
        }
    }
}

/// Serves until `stop` says so, then finishes what has begun, within the time for that.
pub(crate) async fn serve<H, F>(listener: Listener, limits: Limits, mut stop: watch::Receiver<bool>, handle: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Unpin + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(stream) => {
                    let (limits, handle, stop) = (limits.clone(), handle.clone(), stop.clone());
                    // Taken here, so that connections are counted in the order in which they came.
                    let permit = Arc::clone(&limits.connections).try_acquire_owned().ok();
                    connections.spawn(async move {
                        match permit {
                            Some(_permit) => connection(stream, limits, stop, handle).await,
                            None => last_words(stream, TOO_MANY).await,
                        }
                    });
                }
                Err(error) => {
                    // Out of file descriptors, for example: to try again at once would only burn time.
                    warn!(%error, "no connection can be accepted");
                    sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.stop, finished).await.is_err() {
        warn!("some requests were not finished in time");
    }
}

async fn connection<H, F>(stream: Box<dyn Stream>, limits: Limits, mut stop: watch::Receiver<bool>, handle: H)
where
    H: Fn(Request<Incoming>) -> F + Unpin,
    F: Future<Output = Reply>,
{
    let service = service_fn(move |request| {
        let reply = handle(request);
        Box::pin(async move { Ok::<_, Infallible>(reply.await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        served = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(served),
        () = stopped(&mut stop) => None,
    };
    let served = match ended {
        Some(served) => served,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let http1::Parts { io, read_buf, .. } = connection.into_parts();
    let stream = io.into_inner();
    match served {
        // With nothing read it was an idle connection, which just ends.
        Err(error) if error.is_timeout() && !read_buf.is_empty() => last_words(stream, TIMED_OUT).await,
        // A head that is too large, for example. The answer is on its way.
        Err(error) if error.is_parse() => until_heard(stream).await,
        _ => last_words(stream, b"").await,
    }
}

/// Ends when the process is asked to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a sender there is nobody left to serve for.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Reads on, so that the other side can send the rest and then hear why it was refused. To close a connection with
/// something unread would reset it, and an answer on its way would be lost.
async fn until_heard(mut stream: Box<dyn Stream>) {
    let heard = async {
        stream.shutdown().await?;
        copy(&mut stream, &mut sink()).await
    };
    let _ = timeout(LAST_WORDS, heard).await;
}

async fn last_words(mut stream: Box<dyn Stream>, words: &[u8]) {
    // Whoever does not listen any more need not hear it.
    let spoken = async {
        stream.write_all(words).await?;
        stream.shutdown().await
    };
    let _ = timeout(LAST_WORDS, spoken).await;
}
