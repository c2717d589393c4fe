//! The one thread that draws, at most once a minute however many look.

use std::sync::Arc;

use daemon_runtime::Owner;
use meter_rrd::GraphRenderer;
use quick_cache::sync::Cache;

use super::files::Files;
use super::picture::{Drawn, PictureError, PictureKey};
use super::renderer::Renderer;
use crate::ledger::reader::LedgerReader;

/// Pictures kept in memory, some 100 KB each.
const MOST: usize = 300;

/// Asks for pictures.
#[derive(Debug, Clone)]
pub(crate) struct Pictures {
    renderer: Owner<Renderer>,
    drawn: Arc<Cache<PictureKey, Arc<Drawn>>>,
}

impl Pictures {
    /// Starts the thread.
    pub(crate) fn start(files: Files, ledger: LedgerReader) -> anyhow::Result<Self> {
        let graphs = GraphRenderer::new(ledger.zone().clone())?;
        let renderer = Renderer { graphs, files, ledger };
        let (renderer, _ends_by_itself) = Owner::spawn("pictures", renderer)?;
        Ok(Self { renderer, drawn: Arc::new(Cache::new(MOST)) })
    }

    /// The picture of this minute.
    pub(crate) async fn picture(&self, key: PictureKey) -> Result<Arc<Drawn>, PictureError> {
        let known = |drawn: &Cache<PictureKey, Arc<Drawn>>, key: &PictureKey| {
            drawn.get(key).filter(|drawn| drawn.is_good())
        };
        if let Some(drawn) = known(&self.drawn, &key) {
            return Ok(drawn);
        }
        let all = self.drawn.clone();
        let picture = self.renderer.ask(move |renderer| {
            // Others may have waited for the same one.
            if let Some(drawn) = known(&all, &key) {
                return Ok(drawn);
            }
            let drawn = Arc::new(renderer.picture(&key)?);
            all.insert(key, drawn.clone());
            Ok(drawn)
        });
        picture.await?
    }
}
