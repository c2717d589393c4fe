//! One of the servers that an address names.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::home::error::{Result, SqlError};

/// What has a connection go on; it ends with it.
pub(crate) type Going = Pin<Box<dyn Future<Output = std::result::Result<(), Error>> + Send>>;

/// A server, and how it is connected to.
#[derive(Clone)]
pub(crate) struct Server {
    /// It names this one only.
    pub(crate) config: Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
    /// How long it may take until it has let somebody in. One that is stopped takes connections and says nothing.
    pub(crate) patience: Duration,
}

impl Server {
    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<(Client, Going)> {
        let opened = timeout(self.patience, self.open()).await;
        Ok(opened.map_err(|_| SqlError::Silent)??)
    }

    async fn open(&self) -> std::result::Result<(Client, Going), Error> {
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok((client, Box::pin(connection)))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                Ok((client, Box::pin(connection)))
            }
        }
    }

    /// Whether it says anything, and be it that it takes nobody more.
    pub(crate) async fn is_there(&self) -> bool {
        match self.connect().await {
            Ok(_) => true,
            Err(SqlError::Postgres(error)) => error.as_db_error().is_some(),
            Err(_) => false,
        }
    }
}
