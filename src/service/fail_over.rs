//! Which of a partner's two channels is in use, and when it is the other one's turn.
//!
//! The service leaves the main channel when it has failed for `fail_over_after` without a look that went well.
//! On the fallback it looks at the main one beside its work: first after a quarter of that time, after each
//! look that fails twice as long, up to twice that time. It goes back when every such look has gone well for
//! as long as it took to leave; at once, when the fallback fails too. So there is at most one switch in
//! `fail_over_after`. A main channel that fails again soon after (within four times that time) has to work
//! twice as long the next time, up to sixteen times: it may answer looks and break under work.
//!
//! What is chosen by hand holds until it is left to the service again, through restarts; what the service
//! has decided by itself does not outlive it: it begins with the main channel.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::channel::Channel;
use super::control::{self, Choice, Side};
use crate::clock::Timestamp;
use crate::config;
use crate::ids::PartnerId;
use crate::telemetry::{self as names, Chain};

/// The channels of a partner, and the one in use.
pub(super) struct FailOver {
    partner: PartnerId,
    main: Place,
    fallback: Option<Place>,
    choice: Choice,
    data_dir: PathBuf,
    switch: Switch,
    /// A look at the main channel from beside.
    look: Option<JoinHandle<bool>>,
}

/// A channel and what belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    config: config::Channel,
    /// Where a file goes that the ledger has; it is deleted when there is no such folder.
    pub(super) processed: Option<String>,
}

impl Place {
    pub(super) fn channel(&self) -> Channel {
        Channel::new(&self.config)
    }

    /// Tells files of one name, size and time in two places apart, whatever these are called in the
    /// configuration.
    pub(super) fn name_in(&self, name: &str) -> Vec<u8> {
        let place = match &self.config {
            config::Channel::Sftp(sftp) => format!("sftp\0{}\0{}\0{}\0{}", sftp.host, sftp.port, sftp.user, sftp.inbound).into_bytes(),
            config::Channel::Folder(folder) => [b"folder\0", folder.inbound.as_os_str().as_encoded_bytes()].concat(),
        };
        [&place, &b"\0"[..], name.as_bytes()].concat()
    }
}

impl FailOver {
    /// `None`: the partner has no channel.
    pub(super) fn new(partner: &config::Partner, choice: Choice, data_dir: &Path) -> Option<FailOver> {
        let place = |channel: &config::Channel, processed: &Option<String>| Place {
            config: channel.clone(),
            processed: processed.clone(),
        };
        let fallback = partner.fallback.as_ref();
        let after = fallback.and_then(|fallback| fallback.fail_over_after).map(config::Period::duration);
        let fail_over = FailOver {
            partner: partner.profile.id.clone(),
            main: place(partner.channel.as_ref()?, &partner.processed),
            fallback: fallback.map(|fallback| place(&fallback.channel, &fallback.processed)),
            choice,
            data_dir: data_dir.to_path_buf(),
            switch: Switch::new(after, partner.poll.duration()),
            look: None,
        };
        fail_over.tell("the service began");
        Some(fail_over)
    }

    /// The channel in use.
    pub(super) fn place(&self) -> &Place {
        match (self.switch.side, &self.fallback) {
            (Side::Fallback, Some(fallback)) => fallback,
            (Side::Fallback, None) | (Side::Main, _) => &self.main,
        }
    }

    /// Whether it is the other channel's turn from here on.
    pub(super) async fn turns(&mut self) -> bool {
        if self.fallback.is_none() {
            return false;
        }
        let now = Instant::now();
        let before = self.switch.side;
        let chosen = self.choice.now();
        self.switch.choose(chosen.as_ref().map(|chosen| chosen.side), now);
        if let Some(look) = self.look.take_if(|look| look.is_finished()) {
            // A look that panicked has not gone well.
            self.switch.looked_at_main(look.await.unwrap_or(false), now);
        }
        self.switch.turn(now);
        if self.switch.wants_a_look(now) && self.look.is_none() {
            self.look = Some(self.look_at_main());
        }
        let side = self.switch.side;
        if side == before {
            return false;
        }
        self.close();
        let reason = match (chosen, side) {
            (Some(_), _) => "chosen by hand",
            (None, Side::Fallback) => "the main channel has failed for fail_over_after",
            (None, Side::Main) if self.switch.after.is_none() => "no longer chosen by hand",
            (None, Side::Main) => "the main channel works again",
        };
        warn!(
            partner = self.partner.as_str(),
            channel = side.as_str(),
            reason,
            "the partner's channel is switched"
        );
        counter!(names::CHANNEL_SWITCHES_TOTAL, "partner" => self.partner.to_string(), "to" => side.as_str()).increment(1);
        self.tell(reason);
        true
    }

    /// Waits until another channel is chosen by hand, or none.
    pub(super) async fn is_asked(&mut self) {
        match self.fallback {
            Some(_) => self.choice.differs_from(self.switch.chosen).await,
            None => std::future::pending().await,
        }
    }

    /// How a look at the channel in use went, that began then.
    pub(super) fn looked(&mut self, works: bool, began: Instant) {
        self.switch.looked(works, began);
    }

    /// No longer than to the next moment at which something is due here.
    pub(super) fn at_most(&self, wait: Duration) -> Duration {
        // How a look went that is under way, is asked at the turn after the usual wait.
        let moment = self.switch.next_moment().filter(|_| self.fallback.is_some() && self.look.is_none());
        moment.map_or(wait, |moment| wait.min(moment.saturating_duration_since(Instant::now())))
    }

    /// Ends what is under way: the partner is cut off, or it is of no use any more.
    pub(super) fn close(&mut self) {
        if let Some(look) = self.look.take() {
            look.abort();
        }
    }

    fn look_at_main(&self) -> JoinHandle<bool> {
        let mut main = self.main.channel();
        let partner = self.partner.clone();
        tokio::spawn(async move {
            match main.list().await {
                Ok(_) => true,
                Err(error) => {
                    info!(partner = partner.as_str(), error = %Chain(&error), "the main channel does not work yet");
                    false
                }
            }
        })
    }

    /// What `partner ls` and the metrics show.
    fn tell(&self, reason: &str) {
        if self.fallback.is_none() {
            return;
        }
        let side = self.switch.side;
        let is_fallback = if side == Side::Fallback { 1.0 } else { 0.0 };
        gauge!(names::CHANNEL_FALLBACK, "partner" => self.partner.to_string()).set(is_fallback);
        let since = format!("since {}: {reason}", Timestamp::now().to_rfc3339());
        if let Err(error) = control::use_channel(&self.data_dir, &self.partner, side, &since) {
            warn!(partner = self.partner.as_str(), error = %Chain(&error), "what channel is in use cannot be noted");
        }
    }
}

impl Drop for FailOver {
    fn drop(&mut self) {
        self.close();
    }
}

/// When to switch: a state machine over the outcomes of looks.
#[derive(Debug)]
struct Switch {
    /// `None`: only by hand.
    after: Option<Duration>,
    poll: Duration,
    side: Side,
    chosen: Option<Side>,
    /// Of the channel in use: since when no look went well.
    fails_since: Option<Instant>,
    /// Of the main channel, while the other one is in use.
    next_look: Option<Instant>,
    wait: Duration,
    works_since: Option<Instant>,
    /// How long it has to work before it is used again.
    proof: Duration,
    returned: Option<Instant>,
}

impl Switch {
    fn new(after: Option<Duration>, poll: Duration) -> Switch {
        Switch {
            after,
            poll,
            side: Side::Main,
            chosen: None,
            fails_since: None,
            next_look: None,
            wait: Duration::ZERO,
            works_since: None,
            proof: after.unwrap_or_default(),
            returned: None,
        }
    }

    /// The channel in use was looked at, from then on.
    fn looked(&mut self, works: bool, began: Instant) {
        self.fails_since = if works { None } else { self.fails_since.or(Some(began)) };
    }

    /// What is chosen by hand, which goes before everything.
    fn choose(&mut self, chosen: Option<Side>, now: Instant) {
        if chosen == self.chosen {
            return;
        }
        self.chosen = chosen;
        match (chosen, self.after) {
            (Some(side), _) => self.go_to(side),
            // What was chosen ends with the proof that the main channel works, as what was not.
            (None, Some(_)) if self.side == Side::Fallback => self.begin_to_look(now, self.first_wait()),
            (None, _) => self.go_to(Side::Main),
        }
    }

    /// Leaves a channel that has failed for long enough.
    fn turn(&mut self, now: Instant) {
        let Some(after) = self.after.filter(|_| self.chosen.is_none() && self.side == Side::Main) else {
            return;
        };
        let Some(since) = self.fails_since.filter(|since| now.saturating_duration_since(*since) >= after) else {
            return;
        };
        let lasted = self.returned.map(|returned| since.saturating_duration_since(returned));
        self.proof = match lasted {
            Some(lasted) if lasted < after * 4 => (self.proof * 2).min(after * 16),
            Some(_) | None => after,
        };
        self.go_to(Side::Fallback);
        self.begin_to_look(now, self.first_wait());
    }

    fn wants_a_look(&self, now: Instant) -> bool {
        self.next_look.is_some_and(|at| at <= now)
    }

    /// The main channel was looked at from beside.
    fn looked_at_main(&mut self, works: bool, now: Instant) {
        let (Some(after), Some(_)) = (self.after, self.next_look) else { return };
        if !works {
            self.works_since = None;
            self.begin_to_look(now, (self.wait * 2).min(after * 2));
            return;
        }
        let since = *self.works_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= self.proof || self.fails_since.is_some() {
            self.go_to(Side::Main);
            self.returned = Some(now);
        } else {
            self.begin_to_look(now, self.first_wait());
        }
    }

    fn first_wait(&self) -> Duration {
        (self.after.unwrap_or_default() / 4).max(self.poll)
    }

    fn begin_to_look(&mut self, now: Instant, wait: Duration) {
        self.wait = wait;
        self.next_look = Some(now + wait);
    }

    fn go_to(&mut self, side: Side) {
        if self.side != side {
            self.fails_since = None;
        }
        self.side = side;
        self.next_look = None;
        self.works_since = None;
    }

    /// When something is due next.
    fn next_moment(&self) -> Option<Instant> {
        let leaves = self.after.filter(|_| self.chosen.is_none() && self.side == Side::Main);
        let leaves = leaves.zip(self.fails_since).map(|(after, since)| since + after);
        leaves.or(self.next_look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    struct Clock(Instant);

    impl Clock {
        fn at(&self, seconds: u64) -> Instant {
            self.0 + Duration::from_secs(seconds)
        }
    }

    fn switch() -> (Switch, Clock) {
        (
            Switch::new(Some(Duration::from_secs(15 * MINUTE)), Duration::from_secs(15)),
            Clock(Instant::now()),
        )
    }

    /// Looks at the main channel whenever one is due, until then; the seconds at which it looked.
    fn looks(switch: &mut Switch, clock: &Clock, seconds: std::ops::Range<u64>, works: bool) -> Vec<u64> {
        let mut looked = Vec::new();
        for second in seconds {
            if switch.wants_a_look(clock.at(second)) {
                switch.looked_at_main(works, clock.at(second));
                looked.push(second);
            }
        }
        looked
    }

    fn failed_over() -> (Switch, Clock) {
        let (mut switch, clock) = switch();
        switch.looked(false, clock.at(0));
        switch.turn(clock.at(15 * MINUTE));
        assert_eq!(switch.side, Side::Fallback);
        switch.looked(true, clock.at(15 * MINUTE));
        (switch, clock)
    }

    #[test]
    fn a_channel_is_left_when_it_has_failed_for_long_enough_without_a_break() {
        let (mut switch, clock) = switch();
        for (seconds, works, side) in [
            (0, false, Side::Main),
            (14 * MINUTE, false, Side::Main),
            (14 * MINUTE + 59, true, Side::Main),
            (20 * MINUTE, false, Side::Main),
            (34 * MINUTE, false, Side::Main),
            (35 * MINUTE, false, Side::Fallback),
        ] {
            switch.looked(works, clock.at(seconds));
            switch.turn(clock.at(seconds));
            assert_eq!(switch.side, side, "{seconds}");
        }
    }

    #[test]
    fn the_main_channel_is_looked_at_less_and_less_often() {
        let (mut switch, clock) = failed_over();
        let looked = looks(&mut switch, &clock, 15 * MINUTE..4 * 60 * MINUTE, false);
        let waits: Vec<u64> = looked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(looked[0], 15 * MINUTE + 225);
        assert_eq!(waits, [450, 900, 1_800, 1_800, 1_800, 1_800, 1_800, 1_800]);
    }

    #[test]
    fn it_is_used_again_when_it_has_worked_for_as_long_as_it_had_failed() {
        let (mut switch, clock) = failed_over();
        let looked = looks(&mut switch, &clock, 15 * MINUTE..60 * MINUTE, true);
        assert_eq!(switch.side, Side::Main);
        assert_eq!((looked.len(), looked[4] - looked[0]), (5, 900));
        // Fails again at once: twice as long, and four times, up to sixteen.
        let mut began = looked[4] + 10;
        for times in [2, 4, 8, 16, 16] {
            switch.looked(false, clock.at(began));
            switch.turn(clock.at(began + 900));
            assert_eq!(switch.side, Side::Fallback);
            let looked = looks(&mut switch, &clock, began + 900..began + 10 * 60 * MINUTE, true);
            assert_eq!((switch.side, looked[looked.len() - 1] - looked[0]), (Side::Main, 900 * times));
            began = looked[looked.len() - 1] + 10;
        }
        // One that lasts begins anew.
        began += 61 * MINUTE;
        switch.looked(false, clock.at(began));
        switch.turn(clock.at(began + 900));
        let looked = looks(&mut switch, &clock, began + 900..began + 10 * 60 * MINUTE, true);
        assert_eq!(looked[looked.len() - 1] - looked[0], 900);
    }

    #[test]
    fn a_look_that_fails_begins_the_proof_anew_and_a_failing_fallback_ends_it() {
        let (mut switch, clock) = failed_over();
        looks(&mut switch, &clock, 15 * MINUTE..25 * MINUTE, true);
        looks(&mut switch, &clock, 25 * MINUTE..32 * MINUTE, false);
        looks(&mut switch, &clock, 32 * MINUTE..45 * MINUTE, true);
        assert_eq!(switch.side, Side::Fallback);
        switch.looked(false, clock.at(45 * MINUTE));
        let looked = looks(&mut switch, &clock, 45 * MINUTE..60 * MINUTE, true);
        assert_eq!((switch.side, looked.len()), (Side::Main, 1));
    }

    #[test]
    fn what_is_chosen_by_hand_holds_whatever_fails() {
        let (mut switch, clock) = switch();
        switch.choose(Some(Side::Main), clock.at(0));
        switch.looked(false, clock.at(0));
        switch.turn(clock.at(60 * MINUTE));
        assert_eq!((switch.side, switch.next_moment()), (Side::Main, None));
        switch.choose(Some(Side::Fallback), clock.at(60 * MINUTE));
        switch.looked(false, clock.at(60 * MINUTE));
        assert!(looks(&mut switch, &clock, 60 * MINUTE..120 * MINUTE, true).is_empty());
        assert_eq!(switch.side, Side::Fallback);
        // Left to the service: back with the proof.
        switch.looked(true, clock.at(120 * MINUTE));
        switch.choose(None, clock.at(120 * MINUTE));
        assert_eq!(switch.side, Side::Fallback);
        assert_eq!(looks(&mut switch, &clock, 120 * MINUTE..180 * MINUTE, true).len(), 5);
        assert_eq!(switch.side, Side::Main);
    }

    #[test]
    fn without_a_time_only_a_hand_switches() {
        let clock = Clock(Instant::now());
        let mut switch = Switch::new(None, Duration::from_secs(15));
        switch.looked(false, clock.at(0));
        switch.turn(clock.at(1_000_000));
        assert_eq!((switch.side, switch.next_moment()), (Side::Main, None));
        switch.choose(Some(Side::Fallback), clock.at(0));
        assert_eq!(switch.side, Side::Fallback);
        switch.choose(None, clock.at(0));
        assert_eq!(switch.side, Side::Main);
    }

    #[test]
    fn one_name_in_two_places_is_two_names() {
        let folder = |path: &str| Place {
            config: config::Channel::Folder(config::Folder {
                inbound: path.into(),
                outbound: "out".into(),
            }),
            processed: None,
        };
        let (one, other) = (folder("/a"), folder("/b"));
        assert_eq!(one.name_in("x.837"), folder("/a").name_in("x.837"));
        assert_ne!(one.name_in("x.837"), other.name_in("x.837"));
        assert_ne!(one.name_in("x.837"), one.name_in("y.837"));
    }
}
