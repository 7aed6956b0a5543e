//! The connections of a pass in chunks, so that growth never copies and slots keep their number.

use super::state::Flow;

const CHUNK_BITS: usize = 9;
const CHUNK: usize = 1 << CHUNK_BITS;

#[derive(Debug, Default)]
pub(super) struct Arena {
    chunks: Vec<Vec<Flow>>,
}

impl Arena {
    #[inline]
    pub fn get(&self, slot: u32) -> &Flow {
        &self.chunks[slot as usize >> CHUNK_BITS][slot as usize & (CHUNK - 1)]
    }

    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut Flow {
        &mut self.chunks[slot as usize >> CHUNK_BITS][slot as usize & (CHUNK - 1)]
    }

    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Adds a connection and returns its slot.
    pub fn push(&mut self, flow: Flow) -> u32 {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let slot = self.len() as u32;
        if let Some(last) = self.chunks.last_mut() {
            last.push(flow);
        }
        slot
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Flow> {
        self.chunks.iter_mut().flatten()
    }

    pub fn chunks(&self) -> &[Vec<Flow>] {
        &self.chunks
    }

    pub fn into_chunks(self) -> Vec<Vec<Flow>> {
        self.chunks
    }
}

#[cfg(test)]
mod tests {
    use super::CHUNK;
    use crate::flow::tests::{SYN, Wire, client};

    #[test]
    fn slots_keep_their_connection_over_many_chunks() {
        let mut wire = Wire::new();
        let ports = 1..=(3 * CHUNK + 1) as u16;
        ports.clone().for_each(|port| _ = wire.send(&client(SYN, 1, 0, 0).client_port(port)));
        assert_eq!(wire.tracker.len(), ports.len());
        let table = wire.tracker.snapshot();
        for (i, port) in ports.enumerate() {
            let c = table.get(i).unwrap();
            assert_eq!((c.stream, c.client_port), (i as u32, port));
        }
        assert_eq!(wire.tracker.into_table().len(), table.len());
    }
}
