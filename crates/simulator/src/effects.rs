//! Effects: what a request did takes place on its platform, and the truth is looked at anew.

use ticketbridge_core::ticket::PlatformName;

use crate::checks::matching;
use crate::faults::Profile;
use crate::process::LEASE_MARGIN;
use crate::remote::{Effect, Remote};
use crate::site::millis;
use crate::sometimes::Sometimes;
use crate::world::{START, World};

impl World {
    /// An effect takes place. The truth is looked at anew.
    pub(crate) fn effect(&mut self, platform: &PlatformName, effect: Effect, exchange: u64) {
        if !self.exchanges.contains_key(&exchange) {
            self.tally.saw(Sometimes::LateEffect);
        }
        self.effects += 1;
        let Some(remote) = self.remotes.get_mut(platform) else { return };
        self.trace.mark(&[4, self.now, exchange]);
        let origins = &self.origins;
        let rows = &self.store.rows;
        let key_of = |origin: &str| Some(rows.get(origins.get(origin)?)?.row.key.to_string());
        self.trace.tell(self.now, || (remote.keys_of(&effect, key_of), format!("{platform} does {effect:?}")));
        let created = Remote::created_keys(&effect);
        remote.commit(START + self.now as i64, effect);
        self.check_truth(platform);
        self.check_beside(platform, &created);
    }

    /// No ticket of these keys was to be seen when the platform was last asked for its open tickets.
    fn check_beside(&mut self, name: &PlatformName, created: &[String]) {
        if created.is_empty() || self.profile == Profile::Outside {
            return;
        }
        let (Some(remote), Some(platform)) = (self.remotes.get(name), self.site.platform(name)) else { return };
        // From the beginning of the look to the lease at the sending, and from there to the last instant of its effect.
        let spans = [self.site.match_ttl, platform.request_timeout, platform.settling_time, platform.in_doubt_for];
        let most = spans.into_iter().map(millis).sum::<u64>() + self.site.longest_request() + LEASE_MARGIN;
        let opened = remote.opened(START + self.now as i64, created);
        let wrong = opened.iter().find_map(|(key, opened)| matching::check(name.as_str(), key, opened, most));
        self.judge(wrong);
    }

    /// I1 on one platform.
    pub(crate) fn check_truth(&mut self, platform: &PlatformName) {
        let Some(remote) = self.remotes.get_mut(platform) else { return };
        let origins = &self.origins;
        if let Some(wrong) = remote.judge(platform.as_str(), self.now, |origin| origins.contains_key(origin)) {
            self.doubled(platform, wrong);
        }
    }
}
