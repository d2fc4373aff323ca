//! A layer's tar as it is, compressed anew.

use std::io::{self, Write};
use std::sync::Arc;

use super::encode::Encoder;
use super::layout::{Draft, LayoutWriter};
use super::{Encoding, RewriteError};
use crate::blob::{self, Chunk, Pool, Stage, Verify};
use crate::model::{Descriptor, DiffId};
use crate::parallel::processors;
use crate::scan::Scanned;

/// Writes the layer, which must be what it was when it was scanned.
pub(super) fn write(
    image: &Scanned,
    layer: usize,
    to: &LayoutWriter,
    encoding: Encoding,
) -> Result<(Descriptor, DiffId), RewriteError> {
    let pool = Pool::new(processors());
    let encoder = Encoder::new(to.draft()?, encoding, processors());
    let (_, copy) = image
        .reread(layer, |blob, claims| Ok(blob::run(&pool, blob, claims, Verify::Full, Copy(Ok(encoder)), &|_| {})?))?;
    let draft = copy.0.and_then(Encoder::finish).map_err(|error| to.failed(error))?;
    Ok((draft.keep()?, image.image.layers[layer].diff_id))
}

/// Hands a tar on to its compressor, until that fails.
struct Copy(io::Result<Encoder<Draft>>);

impl Stage for Copy {
    fn feed(&mut self, chunk: &Arc<Chunk>) {
        if let Ok(encoder) = &mut self.0
            && let Err(error) = encoder.write_all(chunk.bytes())
        {
            self.0 = Err(error);
        }
    }
}
