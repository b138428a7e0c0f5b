//! What is known of one host while its rules are judged, and what is carried from window to window.

use std::collections::{HashMap, HashSet};

use aops_api::Labels;
use aops_api::series::FetchedSeries;

use crate::item_series::ItemSeries;
use crate::sample::Column;
use crate::series_set::HostSeries;
use crate::stream::{Stream, StreamPlan};
use crate::walk::Standing;
use crate::window::Windows;

/// The series that rules read on one host, the windows over them, and where each rule stands.
pub(crate) struct HostState<'set> {
    /// By stream of the plan; made when a rule needs it.
    streams: Vec<Option<Stream<'set>>>,
    pub(crate) windows: Windows,
    /// By rule of the plan.
    pub(crate) standings: HashMap<usize, HashMap<Labels, Standing>>,
    /// A log without any line.
    pub(crate) quiet: ItemSeries<'static>,
}

impl<'set> HostState<'set> {
    /// Knows nothing yet.
    pub(crate) fn new(streams: usize) -> Self {
        Self {
            streams: (0..streams).map(|_| None).collect(),
            windows: Windows::default(),
            standings: HashMap::new(),
            quiet: quiet_log(),
        }
    }

    /// Makes the streams of these numbers from what was fetched, unless they are there.
    pub(crate) fn prepare(&mut self, wanted: &[usize], plans: &[StreamPlan], host: &'set HostSeries<'set>) {
        for stream in wanted {
            let plan = &plans[*stream];
            self.streams[*stream].get_or_insert_with(|| Stream::of(plan, host.series(plan.selector)));
        }
    }

    /// The series and, apart from them, the windows over them.
    pub(crate) fn split(&mut self) -> (SeriesOfHost<'_, 'set>, &mut Windows) {
        let series = SeriesOfHost {
            streams: &self.streams,
            quiet: &self.quiet,
        };
        (series, &mut self.windows)
    }
}

/// The series that rules read on one host.
#[derive(Clone, Copy)]
pub(crate) struct SeriesOfHost<'work, 'set> {
    streams: &'work [Option<Stream<'set>>],
    pub(crate) quiet: &'work ItemSeries<'static>,
}

impl<'work, 'set> SeriesOfHost<'work, 'set> {
    pub(crate) fn of(&self, stream: usize) -> &'work [ItemSeries<'set>] {
        self.streams[stream].as_ref().map_or(&[], Stream::series)
    }
}

impl HostState<'static> {
    /// The streams of these numbers as they are after what was fetched for the first time.
    pub(crate) fn first(wanted: &[usize], plans: &[StreamPlan], host: &HostSeries<'_>) -> Self {
        let mut state = Self::new(plans.len());
        for stream in wanted {
            let plan = &plans[*stream];
            let made = Stream::of(plan, host.series(plan.selector));
            state.streams[*stream] = Some(made.into_owned());
        }
        state
    }

    /// Whether a series that was fetched since comes at the interval at which it came before.
    pub(crate) fn keeps_interval(&self, plans: &[StreamPlan], series: &FetchedSeries) -> bool {
        let mut reading = self
            .streams
            .iter()
            .zip(plans)
            .filter(|(_, plan)| plan.selector == series.selector);
        reading.all(|(stream, plan)| {
            let stream = stream.as_ref();
            stream.is_none_or(|stream| stream.keeps_interval(plan, series))
        })
    }

    /// Takes in what was fetched since.
    pub(crate) fn extend(&mut self, plans: &[StreamPlan], host: &HostSeries<'_>) {
        for (stream, plan) in self.streams.iter_mut().zip(plans) {
            if let Some(stream) = stream {
                stream.extend(plan, host.series(plan.selector));
            }
        }
    }

    /// Forgets what no later window reads.
    pub(crate) fn forget_before(&mut self, until_ms: i64, plans: &[StreamPlan]) {
        for (stream, plan) in self.streams.iter_mut().zip(plans) {
            if let Some(stream) = stream {
                stream.drop_before(until_ms.saturating_sub(plan.keep_ms));
            }
        }
        self.windows.forget_readings();
        if self.windows.is_empty() {
            return;
        }
        let streams = self.streams.iter().enumerate();
        let there: HashSet<(usize, u32)> = streams
            .flat_map(|(number, stream)| {
                let series = stream.iter().flat_map(Stream::series);
                series.map(move |series| (number, series.id))
            })
            .collect();
        self.windows
            .retain(|stream, series| there.contains(&(stream, series)));
    }

    /// Memory in use, in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        let streams: usize = self.streams.iter().flatten().map(Stream::bytes).sum();
        let labels_of = |labels: &Labels| -> usize {
            labels
                .iter()
                .map(|(name, value)| name.len() + value.len() + 2 * size_of::<String>())
                .sum()
        };
        let standings: usize = self
            .standings
            .values()
            .flat_map(HashMap::keys)
            .map(|labels| size_of::<(Labels, Standing)>() + labels_of(labels))
            .sum();
        size_of::<Self>() + streams + self.windows.bytes() + standings
    }
}

fn quiet_log() -> ItemSeries<'static> {
    ItemSeries {
        id: u32::MAX,
        labels: std::borrow::Cow::Owned(Labels::new()),
        gap_ms: 0,
        gaps_ms: None,
        line_speaks_ms: Some(0),
        is_exact: true,
        dropped: 0,
        times_ms: std::borrow::Cow::Owned(Vec::new()),
        column: Column::Texts(std::borrow::Cow::Owned(Vec::new())),
    }
}
