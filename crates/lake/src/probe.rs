//! Whether a store keeps the one promise that commits rest on.

use lakegate_contract::Result;
use object_store::{PutMode, PutPayload};

use crate::{Lake, RunId, failure};

impl Lake {
    /// Whether of two writers of one object only the first wins. A store that ignores the condition would let two runs commit
    /// the same version, and the rows of one would be gone. It writes, reads and deletes a small object.
    ///
    /// # Errors
    /// When the lake cannot be written, read or deleted from.
    pub async fn keeps_the_first_writer(&self) -> Result<bool> {
        let key = self.key(&format!("system/probes/{}", RunId::new()))?;
        let failed = |e: object_store::Error| failure::store(&e, self.shown(&key));
        let store = self.store();
        let put =
            |text: &'static str| store.put_opts(&key, PutPayload::from_static(text.as_bytes()), PutMode::Create.into());
        put("first").await.map_err(failed)?;
        let second = put("second").await;
        let kept = self.bytes_of(&key).await.map_err(failed)?;
        self.delete(&key).await?;
        match second {
            Ok(_) => Ok(false),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(kept == "first")
            }
            Err(error) => Err(failed(error)),
        }
    }
}
