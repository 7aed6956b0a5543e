//! Rows of a report that are made when somebody looks at them: most tables are long, and answers show their beginning.

use super::message::Value;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A list of values of which only those asked for are made. The order is found at the first look.
#[derive(Clone)]
pub struct Rows(Arc<dyn Slices>);

trait Slices: Send + Sync {
    fn len(&self) -> usize;
    fn slice(&self, offset: usize, limit: usize) -> Vec<Value>;
}

/// What a pass counted, and how its rows come about.
struct Later<M, K> {
    of: Arc<M>,
    len: usize,
    keys: OnceLock<Vec<K>>,
    order: fn(&M) -> Vec<K>,
    show: fn(&M, &K) -> Value,
}

impl<M: Send + Sync, K: Send + Sync> Slices for Later<M, K> {
    fn len(&self) -> usize {
        self.len
    }

    fn slice(&self, offset: usize, limit: usize) -> Vec<Value> {
        let keys = self.keys.get_or_init(|| (self.order)(&self.of));
        keys.iter().skip(offset).take(limit).map(|k| (self.show)(&self.of, k)).collect()
    }
}

impl Rows {
    /// `len` rows of what was counted: `order` tells their keys one after the other, `show` makes one.
    pub fn later<M, K>(of: &Arc<M>, len: usize, order: fn(&M) -> Vec<K>, show: fn(&M, &K) -> Value) -> Value
    where
        M: Send + Sync + 'static,
        K: Send + Sync + 'static,
    {
        Value::Rows(Self(Arc::new(Later { of: of.clone(), len, keys: OnceLock::new(), order, show })))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn slice(&self, offset: usize, limit: usize) -> Vec<Value> {
        self.0.slice(offset, limit)
    }

    pub fn all(&self) -> Vec<Value> {
        self.slice(0, self.len())
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rows_asked_for_are_made_and_they_equal_a_list() {
        let counted = Arc::new(vec![3u64, 1, 2]);
        let order = |m: &Vec<u64>| {
            let mut keys: Vec<usize> = (0..m.len()).collect();
            keys.sort_by_key(|&k| m[k]);
            keys
        };
        let rows = Rows::later(&counted, counted.len(), order, |m, &k| {
            assert_ne!(k, 0, "the last row was not asked for");
            m[k].into()
        });
        let Value::Rows(rows) = rows else { panic!("rows") };
        assert_eq!((rows.len(), rows.slice(1, 1)), (3, vec![Value::Int(2)]));
        let all = Rows::later(&counted, counted.len(), order, |m, &k| m[k].into());
        assert_eq!(all, Value::List(vec![Value::Int(1), Value::Int(2), Value::Int(3)]));
        assert_ne!(all, Value::List(Vec::new()));
    }
}
