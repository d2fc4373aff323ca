//! What is in a directory: its names, in order, and where they lead.

use std::collections::BTreeMap;

use super::NodeId;

/// Layers mostly have the names of a directory in order: then they are a list, which is several times as fast to make and
/// to walk as a map. Where they come in disorder, or go, they become a map, which takes any order.
#[derive(Clone, Debug)]
pub(super) struct Children {
    /// In order; empty where there is a map.
    list: Vec<Listed>,
    /// The names of those in the list, and of some that were: all in one piece, since a piece for each takes thrice the
    /// room.
    names: Vec<u8>,
    map: Option<Map>,
}

/// A name in the list: where it is among the names, and where it leads.
#[derive(Clone, Copy, Debug)]
struct Listed {
    start: u32,
    len: u32,
    id: NodeId,
}

type Map = BTreeMap<Box<[u8]>, NodeId>;

/// In a list, no more are moved for one that comes or goes.
const MOVED: usize = 64;
/// Lists are merged, unless one is so many times as long as the other.
const LONGER: usize = 16;
/// Names that take more bytes are not listed.
const LONGEST: usize = u32::MAX as usize;

impl Children {
    pub(super) const fn new() -> Self {
        Self { list: Vec::new(), names: Vec::new(), map: None }
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty() && self.map.as_ref().is_none_or(BTreeMap::is_empty)
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<NodeId> {
        match &self.map {
            Some(map) => map.get(name).copied(),
            None => self.find(name).ok().map(|at| self.list[at].id),
        }
    }

    /// Gives where the name led before.
    pub(super) fn insert(&mut self, name: &[u8], id: NodeId) -> Option<NodeId> {
        let is_last = self.list.last().is_none_or(|last| self.name(last) < name);
        match if is_last { Err(self.list.len()) } else { self.find(name) } {
            _ if self.map.is_some() => {}
            Ok(at) => return Some(std::mem::replace(&mut self.list[at].id, id)),
            Err(at) if self.list.len() - at <= MOVED && self.names.len() + name.len() <= LONGEST => {
                let start = self.names.len() as u32;
                self.names.extend_from_slice(name);
                self.list.insert(at, Listed { start, len: name.len() as u32, id });
                return None;
            }
            Err(_) => {}
        }
        self.map().insert(name.into(), id)
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> Option<NodeId> {
        match self.find(name) {
            Ok(at) if self.list.len() - at <= MOVED => Some(self.list.remove(at).id),
            Err(_) if self.map.is_none() => None,
            _ => self.map().remove(name),
        }
    }

    /// Keeps those for which it is so, asked in order.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&[u8], NodeId) -> bool) {
        let names = &self.names;
        self.list.retain(|listed| keep(listed.name(names), listed.id));
        self.map.iter_mut().for_each(|map| map.retain(|name, id| keep(name, *id)));
    }

    /// Adds others, which take the place of those of the same name.
    pub(super) fn extend(&mut self, others: Self) {
        if others.is_empty() {
            return;
        }
        let listed = self.map.is_none() && others.map.is_none() && self.names.len() + others.names.len() <= LONGEST;
        if self.is_empty() {
            *self = others;
        } else if !listed || self.list.len() > LONGER * others.list.len() {
            self.map().extend(others.into_map());
        } else {
            let start = self.names.len() as u32;
            self.names.extend_from_slice(&others.names);
            let mut own = std::mem::take(&mut self.list).into_iter().peekable();
            for other in others.list {
                let name = other.name(&others.names);
                while let Some(before) = own.next_if(|own| own.name(&self.names) < name) {
                    self.list.push(before);
                }
                own.next_if(|own| own.name(&self.names) == name);
                self.list.push(Listed { start: start + other.start, ..other });
            }
            self.list.extend(own);
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], NodeId)> {
        let mapped = self.map.iter().flat_map(|map| map.iter().map(|(name, id)| (&**name, *id)));
        self.list.iter().map(|listed| (self.name(listed), listed.id)).chain(mapped)
    }

    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.list.binary_search_by(|listed| self.name(listed).cmp(name))
    }

    fn name(&self, listed: &Listed) -> &[u8] {
        listed.name(&self.names)
    }

    /// From now on they are a map.
    fn map(&mut self) -> &mut Map {
        if self.map.is_none() {
            self.map = Some(std::mem::replace(self, Self::new()).into_map());
        }
        self.map.get_or_insert_default()
    }

    fn into_map(self) -> Map {
        let listed = self.list.iter().map(|listed| (self.name(listed).into(), listed.id)).collect();
        self.map.unwrap_or(listed)
    }
}

impl Listed {
    fn name(self, names: &[u8]) -> &[u8] {
        &names[self.start as usize..][..self.len as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u16),
        Remove(u16),
        Retain(u16),
        Extend(Vec<u16>),
    }

    fn step() -> impl Strategy<Value = Step> {
        // Now and then in order, and so many that lists get long.
        let ascending = (0_u16..600, 1_u16..300).prop_map(|(from, many)| (from..from + many).collect());
        prop_oneof![
            4 => (0_u16..600).prop_map(Step::Insert),
            2 => (0_u16..600).prop_map(Step::Remove),
            1 => (0_u16..20).prop_map(Step::Retain),
            2 => prop_oneof![ascending, vec(0_u16..600, 0..40)].prop_map(Step::Extend),
        ]
    }

    fn name(number: u16) -> Box<[u8]> {
        Box::new(number.to_be_bytes())
    }

    proptest! {
        #[test]
        fn they_are_what_a_map_is(steps in vec(step(), 0..60)) {
            let (mut children, mut map) = (Children::new(), Map::new());
            for (at, step) in steps.into_iter().enumerate() {
                let id = NodeId(at as u32);
                match step {
                    Step::Insert(number) => {
                        prop_assert_eq!(children.insert(&name(number), id), map.insert(name(number), id));
                    }
                    Step::Remove(number) => {
                        prop_assert_eq!(children.remove(&name(number)), map.remove(&name(number)));
                    }
                    Step::Retain(part) => {
                        children.retain(|_, id| id.0 as u16 >= part);
                        map.retain(|_, id| id.0 as u16 >= part);
                    }
                    Step::Extend(numbers) => {
                        let mut others = Children::new();
                        numbers.iter().for_each(|number| _ = others.insert(&name(*number), id));
                        children.extend(others);
                        map.extend(numbers.iter().map(|number| (name(*number), id)));
                    }
                }
                let all: Vec<_> = children.iter().map(|(name, id)| (name.to_vec(), id)).collect();
                prop_assert_eq!(&all, &map.iter().map(|(name, id)| (name.to_vec(), *id)).collect::<Vec<_>>());
                let back: Vec<_> = children.iter().rev().map(|(name, _)| name.to_vec()).collect();
                prop_assert!(back.iter().eq(all.iter().rev().map(|(name, _)| name)));
                prop_assert_eq!(children.is_empty(), map.is_empty());
                for number in [0, 300, 599] {
                    prop_assert_eq!(children.get(&name(number)), map.get(&name(number)).copied());
                }
            }
        }
    }
}
