//! When the first page could be seen: it is asked for as a browser would.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the page may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for the page of all meters, and says how long after `began` it was there.
///
/// # Errors
/// If nobody answers within a minute, or anything but a page.
pub(crate) async fn time_first_page(web: SocketAddr, began: Timestamp) -> anyhow::Result<String> {
    let status = tokio::time::timeout(PATIENCE, status_of_front_page(web)).await;
    let status =
        status.context("no page within a minute")?.with_context(|| format!("asking http://{web}/"))?;
    if status != "200" {
        bail!("http://{web}/ answers with status {status:?}");
    }
    Ok(in_minutes(daemon_runtime::now().duration_since(began)))
}

async fn status_of_front_page(web: SocketAddr) -> anyhow::Result<String> {
    let mut connection = TcpStream::connect(web).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: {web}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    let head = String::from_utf8_lossy(&answer);
    Ok(head.split(' ').nth(1).unwrap_or_default().to_owned())
}

/// As `4 min 7 s`.
fn in_minutes(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds / 60 {
        0 => format!("{seconds} s"),
        minutes => format!("{minutes} min {} s", seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_minutes_and_seconds() {
        assert_eq!(in_minutes(SignedDuration::from_secs(-3)), "0 s");
        assert_eq!(in_minutes(SignedDuration::from_secs(59)), "59 s");
        assert_eq!(in_minutes(SignedDuration::from_secs(247)), "4 min 7 s");
    }
}
