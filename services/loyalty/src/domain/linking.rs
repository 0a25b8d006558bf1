//! Chains of a batch: commands that stand or fall together. A command names another one that it stands or falls with; those
//! that are connected so are a chain. A chain is decided as a whole, in the order of the batch, at the place of its first
//! command.

use std::collections::BTreeMap;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Kind, Refusal, Refused, Violation};
use jiff::Timestamp;
use thiserror::Error;

use super::account::Account;
use super::ledger::{Book, Command, LedgerError, Outcome};

/// A command of a batch, as far as chains go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linked<'a> {
    /// What the caller calls it; nothing else of the batch is called so.
    pub key: &'a str,
    /// The key of the command that it stands or falls with; `None` where it is alone, or the end of its chain.
    pub with: Option<&'a str>,
}

/// Why the chains of a batch make no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainError {
    /// Keys that come twice: the place of each that does, with the key.
    #[error("a key comes twice")]
    KeysRepeated(Vec<(usize, String)>),
    /// A chain never ends: no command has the key that this one names.
    #[error("the chain of {key:?} never ends: no command of the batch has the key {with:?}")]
    Open {
        /// The command's key.
        key: String,
        /// What it names.
        with: String,
    },
    /// A chain comes back to where it was.
    #[error("the chain of {key:?} is a circle of {length}")]
    Cyclic {
        /// The first command of it, by its place in the batch.
        key: String,
        /// How many commands are in it.
        length: usize,
    },
}

impl Refusal for ChainError {
    fn refusal(&self) -> Refused {
        match self {
            Self::KeysRepeated(keys) => {
                let repeated = keys.iter().map(|(at, key)| Violation {
                    field: format!("commands[{at}].key"),
                    rule: "KEY_REPEATED".into(),
                    description: format!("{key:?} is the key of an earlier command"),
                });
                Refused::violations(repeated.collect())
            }
            Self::Open { key, with } => Refused::new(Kind::InvalidArgument, "CHAIN_OPEN", self.to_string())
                .with("key", key)
                .with("linked_with", with),
            Self::Cyclic { key, length } => Refused::new(Kind::InvalidArgument, "CHAIN_CYCLIC", self.to_string())
                .with("key", key)
                .with("length", length),
        }
    }
}

/// What a command of a chain is told whose chain failed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{culprit:?}, with which it stands or falls, was refused: {reason}")]
pub struct LinkedFailed {
    /// The key of the command that was refused.
    pub culprit: String,
    /// Its reason.
    pub reason: &'static str,
}

impl Refusal for LinkedFailed {
    fn refusal(&self) -> Refused {
        Refused::precondition("LINKED_FAILED", self.to_string())
            .with("culprit", &self.culprit)
            .with("reason", self.reason)
    }
}

/// The chains of a batch, each the places of its commands in their order; a command alone is a chain of one.
///
/// # Errors
/// [`ChainError`].
pub fn chains(commands: &[Linked<'_>]) -> Result<Vec<Vec<usize>>, ChainError> {
    let mut places = BTreeMap::new();
    let mut repeated = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        if places.insert(command.key, at).is_some() {
            repeated.push((at, command.key.to_owned()));
        }
    }
    if !repeated.is_empty() {
        return Err(ChainError::KeysRepeated(repeated));
    }
    let mut next = Vec::with_capacity(commands.len());
    for command in commands {
        let open = |with: &str| ChainError::Open { key: command.key.to_owned(), with: with.to_owned() };
        next.push(command.with.map(|with| places.get(with).copied().ok_or_else(|| open(with))).transpose()?);
    }
    let ends = ends(commands, &next)?;
    let mut chains: Vec<Vec<usize>> = Vec::new();
    let mut of_end = BTreeMap::new();
    for (at, end) in ends.into_iter().enumerate() {
        let chain = *of_end.entry(end).or_insert_with(|| {
            chains.push(Vec::new());
            chains.len() - 1
        });
        chains[chain].push(at);
    }
    Ok(chains)
}

/// Where the chain of each command ends; each link is followed once.
fn ends(commands: &[Linked<'_>], next: &[Option<usize>]) -> Result<Vec<usize>, ChainError> {
    let mut ends: Vec<Option<usize>> = vec![None; next.len()];
    for start in 0..next.len() {
        let (mut way, mut at) = (Vec::new(), start);
        let end = loop {
            if let Some(end) = ends[at] {
                break end;
            }
            if let Some(begin) = way.iter().position(|seen| *seen == at) {
                let circle = &way[begin..];
                let first = circle.iter().copied().min().unwrap_or(at);
                return Err(ChainError::Cyclic { key: commands[first].key.to_owned(), length: circle.len() });
            }
            way.push(at);
            match next[at] {
                Some(with) => at = with,
                None => break at,
            }
        };
        way.into_iter().for_each(|at| ends[at] = Some(end));
    }
    // Every command was followed to its end.
    Ok(ends.into_iter().flatten().collect())
}

impl Book {
    /// Decides the commands of a chain: all or none. Where one is refused, everything is as it was before the first.
    ///
    /// # Errors
    /// The place within the chain of the command that was refused, and why.
    pub fn decide_chain(
        &mut self,
        chain: &[(MemberId, &Command)],
        now: Timestamp,
    ) -> Result<Vec<Outcome>, (usize, LedgerError)> {
        if let [(member, command)] = chain {
            return Ok(vec![self.decide(*member, command, now).map_err(|error| (0, error))?]);
        }
        let touched = chain.iter().flat_map(|(member, command)| [Some(*member), command.receiver()]).flatten();
        let touched = touched.flat_map(|member| self.acquainted(member));
        let accounts: BTreeMap<MemberId, Account> =
            touched.filter_map(|member| Some((member, self.accounts.get(&member)?.clone()))).collect();
        let (budgets, returned) = (self.budgets.clone(), self.returned.clone());
        let mut outcomes = Vec::with_capacity(chain.len());
        for (at, (member, command)) in chain.iter().enumerate() {
            match self.decide(*member, command, now) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    self.accounts.extend(accounts);
                    (self.budgets, self.returned) = (budgets, returned);
                    return Err((at, error));
                }
            }
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(links: &[(&'static str, &'static str)]) -> Result<Vec<Vec<usize>>, ChainError> {
        let linked =
            |&(key, with): &(&'static str, &'static str)| Linked { key, with: Some(with).filter(|w| !w.is_empty()) };
        chains(&links.iter().map(linked).collect::<Vec<_>>())
    }

    #[test]
    fn l23_a_and_e_are_free_and_b_c_and_d_are_one_chain() {
        let found = of(&[("a", ""), ("b", "c"), ("c", "d"), ("d", ""), ("e", "")]);
        assert_eq!(found, Ok(vec![vec![0], vec![1, 2, 3], vec![4]]));
    }

    #[test]
    fn a_chain_is_one_whatever_the_order_of_its_links_and_is_where_its_first_command_is() {
        assert_eq!(of(&[("c", ""), ("e", ""), ("a", "c"), ("b", "a")]), Ok(vec![vec![0, 2, 3], vec![1]]));
        assert_eq!(of(&[("a", "c"), ("b", "c"), ("c", "")]), Ok(vec![vec![0, 1, 2]]), "two that name one");
    }

    #[test]
    fn a_chain_that_never_ends_or_is_a_circle_is_refused() {
        let open = ChainError::Open { key: "b".into(), with: "x".into() };
        assert_eq!(of(&[("a", "b"), ("b", "x")]), Err(open));
        assert_eq!(of(&[("a", "a")]), Err(ChainError::Cyclic { key: "a".into(), length: 1 }));
        let circle = of(&[("a", "b"), ("b", "d"), ("c", ""), ("d", "b")]);
        assert_eq!(circle, Err(ChainError::Cyclic { key: "b".into(), length: 2 }));
        let twice = of(&[("a", ""), ("b", ""), ("a", "b")]);
        assert_eq!(twice, Err(ChainError::KeysRepeated(vec![(2, "a".into())])));
    }

    proptest! {
        /// Every command is in one chain, beside the one that it names; and a batch that is refused has a circle or an end
        /// that is missing.
        #[test]
        fn chains_hold_each_command_once(links in prop::collection::vec(prop::option::of(0..30_usize), 1..25)) {
            let keys: Vec<String> = (0..links.len()).map(|at| at.to_string()).collect();
            let names: Vec<Option<String>> = links.iter().map(|with| with.map(|with| with.to_string())).collect();
            let linked: Vec<Linked<'_>> =
                keys.iter().zip(&names).map(|(key, with)| Linked { key, with: with.as_deref() }).collect();
            let missing = links.iter().flatten().any(|with| *with >= links.len());
            let circle = (0..links.len()).any(|start| {
                let mut at = Some(start);
                for _ in 0..=links.len() {
                    at = at.and_then(|at| links.get(at).copied().flatten());
                }
                at.is_some()
            });
            match chains(&linked) {
                Ok(chains) => {
                    prop_assert!(!missing && !circle);
                    let mut all: Vec<usize> = chains.iter().flatten().copied().collect();
                    all.sort_unstable();
                    prop_assert_eq!(all, (0..links.len()).collect::<Vec<_>>());
                    let together = |a: usize, b: usize| chains.iter().any(|chain| chain.contains(&a) && chain.contains(&b));
                    prop_assert!(links.iter().enumerate().all(|(at, with)| with.is_none_or(|with| together(at, with))));
                }
                Err(ChainError::Open { .. }) => prop_assert!(missing),
                Err(ChainError::Cyclic { .. }) => prop_assert!(circle && !missing),
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }
}
