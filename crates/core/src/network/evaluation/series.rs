//! The utilisation of a service group at each exact timestamp, while its channels come in (telecom contract §5.2).

use super::fold::Point;
use super::value::Value;
use crate::network::Timestamp;
use crate::network::settings::UtilMode;
use crate::network::topology::ChannelIndex;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    at: Timestamp,
    sum: i64,
    count: u32,
    top: i32,
    top_channel: ChannelIndex,
}

/// Valid samples of the channels of one service group, by timestamp.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    buckets: Vec<Bucket>,
    /// Channels that were pushed.
    pub(super) channels: usize,
}

impl Series {
    /// Adds the valid samples of one channel, in time order.
    pub(super) fn add(&mut self, channel: ChannelIndex, samples: &[(Timestamp, i32)]) {
        self.channels += 1;
        if samples.is_empty() {
            return;
        }
        let known = std::mem::take(&mut self.buckets);
        let mut merged = Vec::with_capacity(known.len().max(samples.len()));
        let mut known = known.into_iter().peekable();
        for (at, value) in samples {
            while let Some(bucket) = known.next_if(|bucket| bucket.at < *at) {
                merged.push(bucket);
            }
            let own = Bucket { at: *at, sum: i64::from(*value), count: 1, top: *value, top_channel: channel };
            merged.push(match known.next_if(|bucket| bucket.at == *at) {
                Some(bucket) => bucket.together(own),
                None => own,
            });
        }
        merged.extend(known);
        self.buckets = merged;
    }

    /// The points of the service group, in time order.
    pub(super) fn points(&self, mode: UtilMode) -> impl Iterator<Item = Point> {
        self.buckets.iter().map(move |bucket| Point {
            at: bucket.at,
            value: match mode {
                UtilMode::Mean => Value { sum: bucket.sum, count: bucket.count },
                UtilMode::AnyChannel => Value::one(bucket.top),
            },
            modulation: None,
            channel: bucket.top_channel,
        })
    }
}

impl Bucket {
    fn together(self, other: Self) -> Self {
        // Of equals the smallest id, whatever came first.
        let is_other = other.top > self.top || (other.top == self.top && other.top_channel < self.top_channel);
        let (top, top_channel) = if is_other { (other.top, other.top_channel) } else { (self.top, self.top_channel) };
        Self { at: self.at, sum: self.sum + other.sum, count: self.count + other.count, top, top_channel }
    }
}
