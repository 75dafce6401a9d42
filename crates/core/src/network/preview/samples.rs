//! Samples of one scan, sorted and merged in memory.

use crate::network::evaluation::Evaluator;
use crate::network::load::RawSample;
use crate::network::topology::{GroupIndex, Topology};
use crate::network::{ChannelOrdinal, KpiFile, Sample};

/// Samples per KPI; [`Sample::channel`] is the place in the topology.
#[derive(Debug, Default)]
pub(super) struct Samples {
    by_kpi: [Vec<Sample>; 3],
}

impl Samples {
    /// Keeps a row, in the order of reading.
    pub(super) fn add(&mut self, kpi: KpiFile, raw: &RawSample<'_>) {
        self.by_kpi[kpi as usize].push(Sample {
            channel: ChannelOrdinal(raw.channel.0),
            at: raw.at,
            value: raw.value,
            modulation: raw.modulation,
            cm_online: raw.cm_online,
        });
    }

    /// Sorts by channel and time; of the same key the later row stays. Answers how many went, per KPI.
    pub(super) fn merge(&mut self) -> [(KpiFile, u64); 3] {
        KpiFile::ALL.map(|kpi| {
            let samples = &mut self.by_kpi[kpi as usize];
            let total = samples.len();
            // Stable, so that the later of two equals is behind; the later is copied over the earlier one.
            samples.sort_by_key(|sample| (sample.channel, sample.at));
            samples.dedup_by(|later, kept| {
                let is_same = (later.channel, later.at) == (kept.channel, kept.at);
                if is_same {
                    *kept = *later;
                }
                is_same
            });
            (kpi, (total - samples.len()) as u64)
        })
    }

    /// Hands all samples over, group by group, so that only one group waits at a time.
    pub(super) fn push_all(&self, topology: &Topology, evaluator: &mut Evaluator<'_>) {
        for kpi in KpiFile::ALL {
            let samples = &self.by_kpi[kpi as usize];
            for group in 0..topology.groups().len() {
                for channel in topology.channels_of(GroupIndex(group as u32)) {
                    let begin = samples.partition_point(|sample| sample.channel.0 < channel.0);
                    let own = samples[begin..].iter().take_while(|sample| sample.channel.0 == channel.0);
                    let pushed = evaluator.push(kpi, *channel, own.copied());
                    debug_assert!(pushed.is_ok(), "sorted and merged: {pushed:?}");
                }
            }
        }
    }
}
