//! Changes not yet stored, over committed state. Owns the two layers of a block in execution.
//! Invariant: a transaction's changes are in the block's layer whole or not at all. Must not know: what keys mean.

use super::backing::Backing;
use crate::codec::{Decode, Encode};
use std::collections::BTreeMap;

type Layer = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Committed state with the changes of a block, and of the transaction being executed.
pub(crate) struct Overlay<'a, B> {
    base: &'a B,
    block: Layer,
    transaction: Layer,
}

impl<'a, B: Backing> Overlay<'a, B> {
    pub(crate) fn new(base: &'a B) -> Self {
        Self { base, block: Layer::new(), transaction: Layer::new() }
    }

    /// The value under `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.transaction.get(key).or_else(|| self.block.get(key)) {
            Some(changed) => changed.clone(),
            None => self.base.get(key),
        }
    }

    /// The decoded value under `key`. What the ledger wrote decodes, so `None` is absence.
    pub(crate) fn read<T: Decode>(&self, key: &[u8]) -> Option<T> {
        self.get(key).and_then(|bytes| T::from_bytes(&bytes).ok())
    }

    pub(crate) fn has(&self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// Every entry whose key starts with `prefix`, ascending.
    pub(crate) fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Layer = self.base.scan(prefix).into_iter().map(|(key, value)| (key, Some(value))).collect();
        for layer in [&self.block, &self.transaction] {
            let changed = layer.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
            found.extend(changed.map(|(key, value)| (key.clone(), value.clone())));
        }
        found.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: &impl Encode) {
        self.put_bytes(key, value.to_bytes());
    }

    pub(crate) fn put_bytes(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.transaction.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.transaction.insert(key, None);
    }

    /// Keeps the transaction's changes.
    pub(crate) fn keep(&mut self) {
        self.block.append(&mut self.transaction);
    }

    /// Drops the transaction's changes.
    pub(crate) fn drop_changes(&mut self) {
        self.transaction.clear();
    }

    /// The block's changes that change something.
    pub(crate) fn into_changes(mut self) -> Layer {
        self.keep();
        let base = self.base;
        self.block.retain(|key, value| base.get(key) != *value);
        self.block
    }
}
