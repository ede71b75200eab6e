//! A request to stop what a connection runs, over a connection of its own.
//!
//! It is over when the other end has closed that, as libpq's is (<https://www.postgresql.org/docs/current/libpq-cancel.html>):
//! whoever asks and goes may have asked nothing, and pgbouncer before 1.20 takes its next client for the one that has gone
//! (its issue 801).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Builder;
use tokio_postgres::CancelToken;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Reached;

/// How long the other end may take; it has only to read a number.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stops what a connection runs.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    tls: MakeRustlsConnect,
    reached: Reached,
}

impl Canceller {
    pub(super) fn new(token: CancelToken, tls: MakeRustlsConnect, reached: Reached) -> Self {
        Self { token, tls, reached }
    }

    /// Asks the server to stop the statement that runs, if any does, and is back when it has read that.
    pub fn cancel(&self) {
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        // Where the server cannot be reached there is nothing left to stop.
        match runtime.block_on(async { tokio::time::timeout(PATIENCE, self.ask()).await }) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("cannot ask for a statement to be stopped: {error}"),
            Err(_) => tracing::debug!("nobody has answered a request to stop a statement"),
        }
    }

    async fn ask(&self) -> Result<(), String> {
        match &self.reached {
            Reached::Network { host, at } => {
                self.ask_over(tokio::net::TcpStream::connect(at).await.map_err(|error| error.to_string())?, host).await
            }
            #[cfg(unix)]
            Reached::Socket(path) => {
                self.ask_over(tokio::net::UnixStream::connect(path).await.map_err(|error| error.to_string())?, "").await
            }
            #[cfg(not(unix))]
            Reached::Socket(path) => Err(format!("`{}` is no place on this system", path.display())),
        }
    }

    async fn ask_over<S>(&self, stream: S, host: &str) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = HeardOut(stream);
        let mut make = self.tls.clone();
        let tls =
            MakeTlsConnect::<HeardOut<S>>::make_tls_connect(&mut make, host).map_err(|error| error.to_string())?;
        self.token.cancel_query_raw(stream, tls).await.map_err(|error| error.to_string())
    }
}

/// A stream that ends when the other end does.
struct HeardOut<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for HeardOut<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HeardOut<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                // An end is an end, however it comes.
                Ok(()) | Err(_) => return Pin::new(&mut self.0).poll_shutdown(context),
            }
        }
    }
}
