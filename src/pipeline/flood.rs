//! The watch over refusals: many of them mean a wrong schema or config, not wrong records.
//!
//! Comes in: for each record whether it was refused. Goes out: the moment when more than the set share of the last
//! records was. Must never: allocate after its start.

use crate::config::Refused;

/// The last records, as refused or not.
#[derive(Debug)]
pub(super) struct Flood {
    window: Vec<bool>,
    next: usize,
    refused: usize,
    /// More refused than this is a flood; none: the watch is off.
    most: Option<usize>,
}

impl Flood {
    pub(super) fn new(refused: &Refused) -> Self {
        let window = refused.flood_window;
        let most = (window > 0).then_some((window as f64 * refused.flood_share) as usize);
        Self { window: vec![false; window], next: 0, refused: 0, most }
    }

    /// A watch that is turned off.
    pub(super) fn off() -> Self {
        Self { window: Vec::new(), next: 0, refused: 0, most: None }
    }

    /// A record came. True: with it, more than the set share of the last `window` records is refused.
    pub(super) fn note(&mut self, refused: bool) -> bool {
        let Some(most) = self.most else { return false };
        let Some(place) = self.window.get_mut(self.next) else { return false };
        self.refused -= usize::from(*place);
        self.refused += usize::from(refused);
        *place = refused;
        self.next = (self.next + 1) % self.window.len();
        self.refused > most
    }

    /// How many of the window are refused.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RefusedPolicy;

    fn flood(window: usize, share: f64) -> Flood {
        Flood::new(&Refused { policy: RefusedPolicy::Skip, flood_window: window, flood_share: share })
    }

    #[test]
    fn a_flood_is_more_than_the_share_of_the_window() {
        // Window, share, every n-th record refused, after how many records it is a flood.
        let cases = [
            (10, 0.5, 1, Some(6)),
            (10, 0.5, 2, None),
            (1000, 0.5, 1, Some(501)),
            (1000, 0.01, 100, None),
            (1000, 0.01, 50, Some(550)),
            (10, 1.0, 1, None),
            (0, 0.5, 1, None),
        ];
        for (window, share, every, expected) in cases {
            let mut flood = flood(window, share);
            let found = (1..=5000).find(|n| flood.note(n % every == 0));
            assert_eq!(found, expected, "window {window}, share {share}, every {every}");
        }
    }
}
