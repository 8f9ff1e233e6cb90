//! A bounded queue that is fair between networks. It decides the order in which requests get a hashing thread.
//!
//! With first come, first served, one network could take every place. Here each network has its own line and the lines
//! are served in turn, so a network that sends a hundred requests only delays itself. When all places are taken, the
//! longest line gives up its newest entry to a network that has fewer. A network may use every place that no other
//! network needs: all users behind one NAT or one back end share an address, and a fixed share would reject them while
//! the service is idle.
//!
//! Requests for an account from a network that its owner uses are a separate class. They are served first and take
//! places from strangers. Attackers can have accounts, too, so that class is limited: every fourth turn and a quarter
//! of the places are reserved for strangers.
//!
//! This is only a data structure. It knows nothing of threads, of time or of the work that waits.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::domain::network::network_of;
use crate::domain::policy::numbers::{HASH_TURNS_OF_KNOWN, HASHES_WAITING, HASHES_WAITING_OF_KNOWN};

/// The source of a request, which decides the line that it waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    network: Option<IpAddr>,
    is_known: bool,
}

impl Requester {
    /// A request without an address, for an account that is not known.
    pub const NOWHERE: Self = Self {
        network: None,
        is_known: false,
    };

    /// A request from an unknown network. Requests without an address share one line.
    pub fn stranger(address: Option<IpAddr>) -> Self {
        Self {
            network: address.map(network_of),
            is_known: false,
        }
    }

    /// A request for an account from a network that its owner uses, or with proof that the requester owns the account.
    pub fn known(address: Option<IpAddr>) -> Self {
        Self {
            is_known: true,
            ..Self::stranger(address)
        }
    }
}

/// Identifies an entry while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The result of entering.
#[derive(Debug)]
pub struct Entered<T> {
    /// Identifies the new entry.
    pub ticket: Ticket,
    /// The entry that lost its place to the new one.
    pub displaced: Option<T>,
}

/// Every place is taken, and no other network has more of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// The queue.
pub struct FairQueue<T> {
    known: Class<T>,
    strangers: Class<T>,
    /// Turns of known requesters since the last turn of a stranger, counted while strangers wait.
    passed_over: usize,
    next_ticket: u64,
}

/// The lines of one class, served in turn, first one next.
struct Class<T> {
    lines: VecDeque<Line<T>>,
}

/// The entries of one network, oldest first. Never empty.
struct Line<T> {
    network: Option<IpAddr>,
    entries: VecDeque<(Ticket, T)>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        let class = || Class { lines: VecDeque::new() };
        Self {
            known: class(),
            strangers: class(),
            passed_over: 0,
            next_ticket: 0,
        }
    }
}

impl<T> FairQueue<T> {
    /// Returns how many entries wait.
    pub fn len(&self) -> usize {
        self.known.len() + self.strangers.len()
    }

    /// Returns whether no entry waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts an entry at the end of its network's line.
    ///
    /// When all places are taken, a known requester takes one from the strangers, as long as the known requesters are
    /// below their limit. Otherwise a place is taken from the longest line of the same class, if that stays at least as
    /// long as the line that grows; this way, two networks never take the same place from each other in turn.
    ///
    /// # Errors
    ///
    /// Returns [`Full`] when no place can be taken.
    pub fn enter(&mut self, requester: Requester, entry: T) -> Result<Entered<T>, Full> {
        let Requester { network, is_known } = requester;
        let known_at_bound = self.known.len() >= HASHES_WAITING_OF_KNOWN;
        let displaced = if is_known && known_at_bound {
            Some(self.known.give_way_to(network)?)
        } else if self.len() < HASHES_WAITING {
            None
        } else if is_known {
            Some(self.strangers.give_way()?)
        } else {
            Some(self.strangers.give_way_to(network)?)
        };
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let class = if is_known { &mut self.known } else { &mut self.strangers };
        class.push(network, ticket, entry);
        Ok(Entered { ticket, displaced })
    }

    /// Removes and returns the entry whose turn it is.
    pub fn take_next(&mut self) -> Option<T> {
        let strangers_wait = !self.strangers.lines.is_empty();
        let known_are_next = !strangers_wait || self.passed_over < HASH_TURNS_OF_KNOWN;
        if known_are_next && let Some(entry) = self.known.take_next() {
            self.passed_over = if strangers_wait { self.passed_over + 1 } else { 0 };
            return Some(entry);
        }
        self.passed_over = 0;
        self.strangers.take_next()
    }

    /// Removes an entry, wherever it waits. `None` if it no longer waits.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.known.remove(ticket).or_else(|| self.strangers.remove(ticket))
    }
}

impl<T> Class<T> {
    fn len(&self) -> usize {
        self.lines.iter().map(|line| line.entries.len()).sum()
    }

    fn push(&mut self, network: Option<IpAddr>, ticket: Ticket, entry: T) {
        match self.lines.iter_mut().find(|line| line.network == network) {
            Some(line) => line.entries.push_back((ticket, entry)),
            None => self.lines.push_back(Line {
                network,
                entries: VecDeque::from([(ticket, entry)]),
            }),
        }
    }

    /// Removes the oldest entry of the first line, which then moves to the end.
    fn take_next(&mut self) -> Option<T> {
        let mut line = self.lines.pop_front()?;
        let (_, entry) = line.entries.pop_front()?;
        if !line.entries.is_empty() {
            self.lines.push_back(line);
        }
        Some(entry)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let position = |line: &Line<T>| line.entries.iter().position(|(other, _)| *other == ticket);
        let (line, place) = (0..)
            .zip(&self.lines)
            .find_map(|(number, line)| position(line).map(|place| (number, place)))?;
        self.take_out(line, |entries| entries.remove(place))
    }

    /// Removes the newest entry of the longest line.
    fn give_way(&mut self) -> Result<T, Full> {
        let (longest, _) = self.longest().ok_or(Full)?;
        self.take_out(longest, VecDeque::pop_back).ok_or(Full)
    }

    /// The same, but only if that line is longer than the network's own line will be.
    fn give_way_to(&mut self, network: Option<IpAddr>) -> Result<T, Full> {
        let own = self.lines.iter().find(|line| line.network == network);
        let own = own.map_or(0, |line| line.entries.len());
        match self.longest() {
            Some((_, length)) if length > own + 1 => self.give_way(),
            _ => Err(Full),
        }
    }

    /// Returns the index and length of the longest line; of equally long ones, the one that grew last.
    fn longest(&self) -> Option<(usize, usize)> {
        let newest = |line: &Line<T>| line.entries.back().map(|(ticket, _)| *ticket);
        let lengths = (0..).zip(&self.lines);
        let lengths = lengths.map(|(number, line)| (line.entries.len(), newest(line), number));
        lengths.max().map(|(length, _, number)| (number, length))
    }

    /// Removes an entry from a line, and the line from its class if it is empty then.
    fn take_out(
        &mut self,
        number: usize,
        take: impl FnOnce(&mut VecDeque<(Ticket, T)>) -> Option<(Ticket, T)>,
    ) -> Option<T> {
        let line = self.lines.get_mut(number)?;
        let taken = take(&mut line.entries);
        if line.entries.is_empty() {
            self.lines.remove(number);
        }
        taken.map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    type Queue = FairQueue<Entry>;

    /// An entry that knows its origin, and a number that orders it within its line.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Entry {
        network: u8,
        known: bool,
        number: usize,
    }

    fn requester(network: u8, known: bool) -> Requester {
        let address = Some(Ipv4Addr::new(192, 0, network, 1).into());
        if known {
            Requester::known(address)
        } else {
            Requester::stranger(address)
        }
    }

    fn enter(queue: &mut Queue, network: u8, known: bool, number: usize) -> Result<Entered<Entry>, Full> {
        let entry = Entry { network, known, number };
        queue.enter(requester(network, known), entry)
    }

    fn filled(network: u8, known: bool) -> Queue {
        let mut queue = FairQueue::default();
        let mut number = 0;
        while enter(&mut queue, network, known, number).is_ok() {
            number += 1;
        }
        queue
    }

    fn waiting(queue: &Queue) -> Vec<Entry> {
        let lines = queue.known.lines.iter().chain(&queue.strangers.lines);
        lines
            .flat_map(|line| line.entries.iter().map(|(_, entry)| *entry))
            .collect()
    }

    fn served(queue: &mut Queue, turns: usize) -> Vec<(u8, bool)> {
        let taken = std::iter::from_fn(|| queue.take_next()).take(turns);
        taken.map(|entry| (entry.network, entry.known)).collect()
    }

    #[test]
    fn a_network_alone_may_use_every_place_and_gives_way_to_another() {
        let mut queue = filled(1, false);
        assert_eq!(queue.len(), HASHES_WAITING);
        let displaced = enter(&mut queue, 2, false, 0).unwrap().displaced.unwrap();
        assert_eq!(
            (displaced.network, displaced.number),
            (1, HASHES_WAITING - 1),
            "the newest one"
        );
        // The other network is served second, however many entries wait.
        assert_eq!(served(&mut queue, 2), [(1, false), (2, false)]);
    }

    #[test]
    fn the_neighbours_of_one_line_are_the_addresses_of_one_network() {
        let at = |address: &str| Requester::stranger(Some(address.parse().unwrap()));
        assert_eq!(at("2001:db8:1:2::3"), at("2001:db8:1:ffff::9"));
        assert_ne!(at("2001:db8:1::1"), at("2001:db8:2::1"));
        assert_ne!(at("2001:db8:1::1"), Requester::stranger(None));
    }

    #[test]
    fn the_known_come_first_and_every_fourth_turn_is_a_strangers() {
        let mut queue = filled(1, false);
        for number in 0..8 {
            enter(&mut queue, 2, true, number).unwrap();
        }
        let (known, stranger) = ((2, true), (1, false));
        assert_eq!(
            served(&mut queue, 8),
            [known, known, known, stranger, known, known, known, stranger]
        );
    }

    #[test]
    fn the_known_leave_places_to_strangers() {
        let mut queue = filled(1, true);
        assert_eq!(queue.len(), HASHES_WAITING_OF_KNOWN);
        enter(&mut queue, 1, false, 0).unwrap();
        let displaced = enter(&mut queue, 2, true, 0).unwrap().displaced.unwrap();
        assert_eq!((displaced.network, displaced.known), (1, true));
    }

    #[test]
    fn networks_do_not_take_places_from_each_other_in_turn() {
        let mut queue = FairQueue::default();
        for network in 0..64 {
            enter(&mut queue, network, false, 0).unwrap();
        }
        assert_eq!(enter(&mut queue, 64, false, 0).unwrap_err(), Full);
        assert_eq!(enter(&mut queue, 63, false, 1).unwrap_err(), Full);
        assert!(enter(&mut queue, 64, true, 0).unwrap().displaced.is_some());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Enter(u8, bool),
        Take,
        Leave(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        // More entries arrive than are served, so that the queue fills up; two networks send most of them.
        let network = prop_oneof![0..2u8, 0..12u8];
        prop_oneof![
            6 => (network, prop::bool::weighted(0.4)).prop_map(|(network, known)| Step::Enter(network, known)),
            1 => Just(Step::Take),
            1 => (0..HASHES_WAITING).prop_map(Step::Leave),
        ]
    }

    /// Checks the rules of entering: only the newest entry of a longer line is displaced, and a known requester never
    /// by a stranger.
    fn check_entrance(before: &[Entry], new: Entry, entered: &Result<Entered<Entry>, Full>) {
        let line = |of: Entry| {
            before
                .iter()
                .filter(move |it| (it.network, it.known) == (of.network, of.known))
        };
        match entered {
            Ok(Entered { displaced: None, .. }) => assert!(before.len() < HASHES_WAITING),
            Ok(Entered {
                displaced: Some(lost), ..
            }) => {
                assert!(new.known || !lost.known, "{lost:?} lost its place to a stranger");
                assert!(line(*lost).all(|other| other.number <= lost.number), "the newest goes");
                assert!(new.known && !lost.known || line(*lost).count() > line(new).count() + 1);
            }
            Err(Full) => {
                let mut rivals = before.iter().filter(|it| it.known == new.known);
                assert!(rivals.all(|it| line(*it).count() <= line(new).count() + 1));
                let known = before.iter().filter(|it| it.known).count();
                assert!(before.len() == HASHES_WAITING || new.known && known == HASHES_WAITING_OF_KNOWN);
                assert!(
                    !new.known || known == HASHES_WAITING_OF_KNOWN,
                    "the known take places from strangers"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn bounds_and_order_hold_and_only_the_longest_line_gives_way(steps in prop::collection::vec(step(), 0..400)) {
            let mut queue: Queue = FairQueue::default();
            let mut tickets = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                let before = waiting(&queue);
                match step {
                    Step::Enter(network, known) => {
                        let entered = enter(&mut queue, network, known, number);
                        check_entrance(&before, Entry { network, known, number }, &entered);
                        tickets.extend(entered.map(|entered| entered.ticket).ok());
                    }
                    Step::Take => {
                        let taken = queue.take_next();
                        prop_assert_eq!(taken.is_some(), !before.is_empty());
                        if let Some(taken) = taken {
                            let mut line = before.iter().filter(|it| (it.network, it.known) == (taken.network, taken.known));
                            prop_assert!(line.all(|other| other.number >= taken.number), "the oldest of its line");
                        }
                    }
                    Step::Leave(number) => {
                        if let Some(ticket) = tickets.get(number).copied() {
                            let left = queue.remove(ticket);
                            prop_assert_eq!(queue.len(), before.len() - usize::from(left.is_some()));
                            prop_assert!(queue.remove(ticket).is_none());
                        }
                    }
                }
                prop_assert!(queue.len() <= HASHES_WAITING);
                prop_assert!(queue.known.len() <= HASHES_WAITING_OF_KNOWN);
                prop_assert_eq!(queue.is_empty(), waiting(&queue).is_empty());
            }
        }

        #[test]
        fn every_network_gets_a_turn_whatever_the_others_send(
            floods in prop::collection::vec((1..8u8, any::<bool>()), HASHES_WAITING..200),
            known in any::<bool>(),
        ) {
            let mut queue: Queue = FairQueue::default();
            for (number, (network, known)) in floods.iter().copied().enumerate() {
                let _ = enter(&mut queue, network, known, number);
            }
            // Seven networks flood both classes; there is a place for an eighth.
            prop_assert!(enter(&mut queue, 0, known, 0).is_ok());
            let mut turns = 0;
            loop {
                let taken = queue.take_next().unwrap();
                turns += 1;
                if (taken.network, taken.known) == (0, known) {
                    break;
                }
                // The other networks do not stop.
                let (network, known) = floods[turns % floods.len()];
                let _ = enter(&mut queue, network, known, turns);
            }
            // Eight lines in each class, and three turns of known requesters for each turn of a stranger.
            prop_assert!(turns <= if known { 11 } else { 32 }, "{} turns", turns);
        }
    }
}
