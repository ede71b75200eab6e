//! HTTP on loopback: a thread with a small runtime that hands each request to the state, one at a time.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::lock;
use super::routes::{Request, SILENCE};
use super::state::State;

/// A running server.
pub(super) struct Server {
    url: String,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// Nothing is answered: the connection is closed.
#[derive(Debug)]
struct Hung;

impl Server {
    /// Listens on a free port of loopback.
    pub(super) fn start(state: Arc<Mutex<State>>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<Infallible>();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::spawn(accept(listener, state));
                // Resolves when the sender goes; the runtime then drops all that it runs.
                let _ = stopped.await;
            });
        };
        Self { url, stop: Some(stop), thread: Some(std::thread::spawn(serve)) }
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Ends the thread.
    pub(super) fn stop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the fake GitHub panicked");
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(request, Arc::clone(&state)));
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // A connection that ends badly is what some tests want.
        tokio::spawn(async move { connection.await.is_ok() });
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<hyper::Response<Full<Bytes>>, Hung> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Hung)?.to_bytes();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let names = ["authorization", "user-agent", "x-github-api-version", "accept", "content-type"];
    let request = Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: names.into_iter().filter_map(|name| Some((name.to_owned(), header(name)?))).collect(),
        body: body.to_vec(),
    };
    let answer = lock(&state).answer(request).ok_or(Hung)?;
    if answer.status == SILENCE {
        std::future::pending::<()>().await;
    }
    let mut response = hyper::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name.as_str(), value.as_str());
    }
    Ok(response.body(Full::new(Bytes::from(answer.body))).expect("an answer"))
}

impl fmt::Display for Hung {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("hung up")
    }
}

impl std::error::Error for Hung {}
